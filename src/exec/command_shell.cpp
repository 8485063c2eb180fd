#include "exec/command_shell.hpp"

#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <string_view>

namespace penstock {
namespace {

constexpr std::string_view kVariable = "_penstock_";

// Where in a script a character stands.
enum class Place {
    code,        // words; also within $(...) and backquotes
    arithmetic,  // ((...))
    single,      // '...'
    ansi,        // $'...'
    twice,       // "..."
    comment,
    document,          // here-document whose values bash fills in
    literal_document,  // here-document with a quoted delimiter
};

struct HereDocument {
    std::string delimiter;
    bool quoted = false;
    bool tabs_stripped = false;
};

// Reads a script piece by piece and says where the next character stands.
class Scanner {
public:
    Place place() const { return places_.back().place; }

    void read(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) at += step(text.substr(at));
    }
    // A value stands here: it is part of a word.
    void read_value() {
        word_begins_ = false;
        document_line_ += '?';
    }

private:
    struct Nested {
        Place place;
        int parentheses = 0;  // open ones; code and arithmetic
        bool backquoted = false;
    };

    // Takes one or more characters off the front and returns how many.
    std::size_t step(std::string_view text) {
        const char c = text.front();
        switch (place()) {
            case Place::code:
                return in_code(text);
            case Place::arithmetic:
                return in_arithmetic(text);
            case Place::single:
                return c == '\'' ? leave() : 1;
            case Place::ansi:
                return c == '\'' ? leave() : escape(text);
            case Place::twice:
                return in_quotes(text);
            case Place::comment:
                return c == '\n' ? end_of_comment() : 1;
            case Place::document:
            case Place::literal_document:
                return in_document(text);
        }
        return 1;
    }

    std::size_t enter(Place place, std::size_t taken, bool backquoted = false) {
        places_.push_back({place, 0, backquoted});
        word_begins_ = place == Place::code;
        return taken;
    }
    std::size_t leave(std::size_t taken = 1) {
        if (places_.size() > 1) places_.pop_back();
        word_begins_ = false;
        return taken;
    }
    static std::size_t escape(std::string_view text) { return text.front() == '\\' && text.size() > 1 ? 2 : 1; }

    std::size_t in_code(std::string_view text) {
        const char c = text.front();
        const bool begins =
            std::exchange(word_begins_, std::string_view(" \t\n;|&(").find(c) != std::string_view::npos);
        if (text.starts_with("$((")) return enter(Place::arithmetic, 3);
        if (text.starts_with("((")) return enter(Place::arithmetic, 2);
        if (text.starts_with("$(")) return enter(Place::code, 2);
        if (text.starts_with("$'")) return enter(Place::ansi, 2);
        if (text.starts_with("<<<")) return 3;
        if (text.starts_with("<<")) return here_document(text);
        switch (c) {
            case '\\':
                return escape(text);
            case '\'':
                return enter(Place::single, 1);
            case '"':
                return enter(Place::twice, 1);
            case '`':
                return places_.back().backquoted ? leave() : enter(Place::code, 1, true);
            case '#':
                return begins ? enter(Place::comment, 1) : 1;
            case '(':
                ++places_.back().parentheses;
                return 1;
            case ')':
                return places_.back().parentheses-- == 0 ? leave() : 1;
            case '\n':
                return end_of_line();
            default:
                return 1;
        }
    }

    std::size_t in_arithmetic(std::string_view text) {
        if (text.starts_with("))") && places_.back().parentheses == 0) return leave(2);
        if (text.front() == '(') ++places_.back().parentheses;
        if (text.front() == ')') --places_.back().parentheses;
        return 1;
    }

    std::size_t in_quotes(std::string_view text) {
        if (text.starts_with("$((")) return enter(Place::arithmetic, 3);
        if (text.starts_with("$(")) return enter(Place::code, 2);
        if (text.front() == '`') return enter(Place::code, 1, true);
        return text.front() == '"' ? leave() : escape(text);
    }

    std::size_t end_of_comment() {
        places_.pop_back();
        return end_of_line();
    }

    std::size_t end_of_line() {
        word_begins_ = true;
        if (!documents_.empty()) {
            enter(documents_.front().quoted ? Place::literal_document : Place::document, 1);
            document_line_.clear();
        }
        return 1;
    }

    // "<<", perhaps "-", and the delimiter.
    std::size_t here_document(std::string_view text) {
        HereDocument document;
        std::size_t at = 2;
        if (at < text.size() && text[at] == '-') document.tabs_stripped = true, ++at;
        while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
        for (; at < text.size() && std::string_view(" \t\n;|&()<>").find(text[at]) == std::string_view::npos; ++at) {
            if (std::string_view("'\"\\").find(text[at]) != std::string_view::npos)
                document.quoted = true;
            else
                document.delimiter += text[at];
        }
        if (!document.delimiter.empty()) documents_.push_back(std::move(document));
        return at;
    }

    std::size_t in_document(std::string_view text) {
        if (text.front() != '\n') {
            document_line_ += text.front();
            return 1;
        }
        std::string_view line = document_line_;
        if (documents_.front().tabs_stripped) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
        const bool ends = line == documents_.front().delimiter;
        document_line_.clear();
        if (!ends) return 1;
        documents_.pop_front();
        places_.pop_back();
        return end_of_line();
    }

    std::vector<Nested> places_ = {{Place::code}};
    std::deque<HereDocument> documents_;  // whose text has not ended
    bool word_begins_ = true;
    std::string document_line_;  // so far
};

std::size_t position(std::vector<std::string>& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    names.push_back(name);
    return names.size() - 1;
}

// The values follow one another as a count and as many words. One line, so that bash's line numbers stay right.
std::string prologue(std::size_t names) {
    std::string made;
    for (std::size_t n = 0; n < names; ++n) {
        made += fmt::format("{}{}=(\"${{@:2:$1}}\"); shift $(($1 + 1)); ", kVariable, n);
    }
    return made.empty() ? made : made + "set --; ";
}

}  // namespace

ShellScript compile_shell(const CommandText& text, std::vector<std::string>& problems) {
    ShellScript script;
    Scanner scanner;
    std::string body;
    for (const TextPiece& piece : text.pieces) {
        if (!piece.is_name) {
            scanner.read(piece.text);
            body += piece.text;
            continue;
        }
        const std::string variable = fmt::format("{}{}", kVariable, position(script.names, piece.text));
        switch (scanner.place()) {
            case Place::code:
                body += fmt::format("\"${{{}[@]}}\"", variable);
                break;
            case Place::arithmetic:
                position(script.numbers, piece.text);
                [[fallthrough]];
            case Place::twice:
            case Place::document:
                body += fmt::format("${{{}[*]}}", variable);
                break;
            case Place::single:
                body += fmt::format("'\"${{{}[*]}}\"'", variable);
                break;
            case Place::ansi:
                body += fmt::format("'\"${{{}[*]}}\"$'", variable);
                break;
            case Place::comment:
                body += piece.text;
                break;
            case Place::literal_document:
                problems.push_back(fmt::format(
                    "`shell` has the placeholder {{{0}}} in a here-document with a quoted delimiter, where bash fills "
                    "in "
                    "nothing: write the delimiter without quotes, or give the text by `stdin` or `input-files`",
                    piece.text));
        }
        scanner.read_value();
    }
    script.text = prologue(script.names.size()) + body;
    return script;
}

void append_shell_value(const Value& value, std::vector<std::string>& arguments) {
    if (!value.is(Value::Type::list)) {
        arguments.emplace_back("1");
        arguments.push_back(plain_text(value));
        return;
    }
    arguments.push_back(std::to_string(value.list().size()));
    for (const Value& element : value.list()) arguments.push_back(plain_text(element));
}

}  // namespace penstock
