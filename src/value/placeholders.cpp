#include "value/placeholders.hpp"

#include <algorithm>
#include <unordered_set>

namespace penstock {

namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// What a message shows of a text that may be long.
std::string excerpt(std::string_view text) {
    constexpr std::size_t kShown = 30;
    if (text.size() <= kShown) return std::string(text);
    std::size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
    return std::string(text.substr(0, end)) + "...";
}

class Cutter {
public:
    Cutter(std::string_view text, std::vector<std::string>& problems) : text_(text), problems_(problems) {}

    std::vector<TextPiece> cut() {
        while (at_ < text_.size()) {
            const std::size_t brace = text_.find_first_of("{}", at_);
            literal_ += text_.substr(at_, brace - at_);
            if (brace == std::string_view::npos) break;
            at_ = brace;
            take_brace();
        }
        end_literal();
        return std::move(pieces_);
    }

private:
    void take_brace() {
        const char brace = text_[at_];
        if (at_ + 1 < text_.size() && text_[at_ + 1] == brace) {
            literal_ += brace;
            at_ += 2;
        } else if (brace == '}') {
            keep_as_text(1, "`}` closes nothing; write `}}` for a brace");
        } else {
            take_name();
        }
    }

    void take_name() {
        std::size_t end = at_ + 1;
        while (end < text_.size() && is_name_character(text_[end])) ++end;
        if (end < text_.size() && text_[end] == '}' && end > at_ + 1) {
            end_literal();
            pieces_.push_back({true, std::string(text_.substr(at_ + 1, end - at_ - 1))});
            at_ = end + 1;
            return;
        }
        const std::size_t close = text_.find('}', at_);
        if (close == std::string_view::npos) {
            keep_as_text(1, "`{` is never closed; write `{{` for a brace");
        } else {
            const std::string_view whole = text_.substr(at_, close + 1 - at_);
            keep_as_text(whole.size(), "`" + excerpt(whole) +
                                           "` is no placeholder: a name has letters, digits, `_` and `-`; write `{{` "
                                           "and `}}` for braces");
        }
    }

    void keep_as_text(std::size_t length, std::string problem) {
        literal_ += text_.substr(at_, length);
        at_ += length;
        problems_.push_back(std::move(problem));
    }

    void end_literal() {
        if (!literal_.empty()) pieces_.push_back({false, std::move(literal_)});
        literal_.clear();
    }

    std::string_view text_;
    std::vector<std::string>& problems_;
    std::size_t at_ = 0;
    std::string literal_;
    std::vector<TextPiece> pieces_;
};

void collect_names(const Value& value, std::vector<std::string>& names, std::unordered_set<std::string>& seen,
                   std::vector<std::string>& problems) {
    if (value.is(Value::Type::string)) {
        if (value.string().find_first_of("{}") == std::string::npos) return;
        for (TextPiece& piece : placeholder_pieces(value.string(), problems))
            if (piece.is_name && seen.insert(piece.text).second) names.push_back(std::move(piece.text));
    } else if (value.is(Value::Type::list)) {
        for (const Value& item : value.list()) collect_names(item, names, seen, problems);
    } else if (value.is(Value::Type::map)) {
        for (const auto& [key, item] : value.map()) collect_names(item, names, seen, problems);
    }
}

}  // namespace

std::vector<TextPiece> placeholder_pieces(std::string_view text, std::vector<std::string>& problems) {
    return Cutter(text, problems).cut();
}

std::vector<std::string> placeholder_names(const Value& value, std::vector<std::string>& problems) {
    std::vector<std::string> names;
    std::unordered_set<std::string> seen;
    collect_names(value, names, seen, problems);
    return names;
}

}  // namespace penstock
