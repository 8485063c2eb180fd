// YAML through yaml-cpp's events, which carry places.
#include "language/reader.hpp"
#include "language/scalar.hpp"
#include "value/base64.hpp"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>

namespace penstock {

namespace {

// Reads a string without copying it.
class TextBuffer : public std::streambuf {
public:
    explicit TextBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());
        setg(begin, begin, begin + text.size());
    }
};

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// The first tab among the blanks a line begins with; npos when there is none.
std::size_t indenting_tab(std::string_view text, std::size_t offset) {
    const std::size_t line = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
    const std::size_t begin = std::min(text.find_first_not_of(" \t", line), text.size());
    const std::size_t tab = text.find('\t', line);
    return tab < begin ? tab : std::string_view::npos;
}

class YamlHandler : public YAML::EventHandler {
public:
    YamlHandler(const SourceText& source, Arena& arena, const LanguageLimits& limits, Diagnostics& diagnostics)
        : source_(source), diagnostics_(diagnostics), builder_(arena, source, limits, diagnostics) {}

    const Node* take() { return builder_.take(); }
    std::size_t document_start() const { return document_start_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        anchors_.clear();
        document_start_ = static_cast<std::size_t>(mark.pos);
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const std::string_view here = source_.text().substr(offset(mark));
        for (std::string_view spelled : {"~", "null", "Null", "NULL"}) {
            if (!here.starts_with(spelled)) continue;
            remember(anchor, builder_.add_null(place(mark, spelled), spelled));
            return;
        }
        remember(anchor, builder_.add_null(builder_.implied_place(), ""));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const Place here = place(mark, "*");
        if (anchor >= anchors_.size() || anchors_[anchor] == nullptr)
            throw ReadError{here, "an alias stands within what it refers to", "it would never end", ""};
        builder_.add_again(here, anchors_[anchor]);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        const Place here = place(mark, text);
        if (tag == "?")
            remember(anchor, add_plain(here, text));
        else if (tag == "!" || tag == "tag:yaml.org,2002:str")
            remember(anchor, builder_.add_string(here, text));
        else
            remember(anchor, add_tagged(here, tag, text));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        const Place here = first_character(mark);
        check_tag(here, tag, "tag:yaml.org,2002:seq");
        open_.push_back(anchor);
        builder_.begin_list(here);
    }
    void OnSequenceEnd() override { end(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        const Place here = first_character(mark);
        check_tag(here, tag, "tag:yaml.org,2002:map");
        open_.push_back(anchor);
        builder_.begin_map(here);
    }
    void OnMapEnd() override { end(); }

private:
    void end() {
        const YAML::anchor_t anchor = open_.back();
        open_.pop_back();
        remember(anchor, builder_.end());
    }

    void remember(YAML::anchor_t anchor, const Node* node) {
        if (anchor == YAML::NullAnchor) return;
        if (anchors_.size() <= anchor) anchors_.resize(anchor + 1, nullptr);
        anchors_[anchor] = node;
    }

    const Node* add_plain(Place here, const std::string& text) {
        if (text == "<<") return builder_.add_merge_key(here);
        const PlainScalar scalar = plain_scalar(text);
        if (const bool* boolean = std::get_if<bool>(&scalar)) return builder_.add_boolean(here, text, *boolean);
        if (const auto* whole = std::get_if<std::int64_t>(&scalar)) return builder_.add_int64(here, text, *whole);
        if (const double* number = std::get_if<double>(&scalar)) return builder_.add_float64(here, text, *number);
        if (std::holds_alternative<PlainNull>(scalar)) return builder_.add_null(here, text);
        return builder_.add_string(here, text);
    }

    const Node* add_tagged(Place here, const std::string& tag, const std::string& text) {
        const std::string_view type = std::string_view(tag).starts_with(kTagPrefix)
                                          ? std::string_view(tag).substr(kTagPrefix.size())
                                          : std::string_view();
        const PlainScalar scalar = plain_scalar(text);
        const auto* whole = std::get_if<std::int64_t>(&scalar);
        if (type == "int" && whole) return builder_.add_int64(here, text, *whole);
        if (type == "float" && whole) return builder_.add_float64(here, text, static_cast<double>(*whole));
        if (type == "float" && std::holds_alternative<double>(scalar))
            return builder_.add_float64(here, text, std::get<double>(scalar));
        if (type == "bool" && std::holds_alternative<bool>(scalar))
            return builder_.add_boolean(here, text, std::get<bool>(scalar));
        if (type == "null" && std::holds_alternative<PlainNull>(scalar)) return builder_.add_null(here, text);
        if (type == "binary") {
            std::string compact;
            for (char c : text)
                if (c != ' ' && c != '\n' && c != '\t') compact += c;
            if (auto bytes = from_base64(compact)) return builder_.add_value(here, std::move(*bytes));
        }
        if (type == "int" || type == "float" || type == "bool" || type == "null" || type == "binary")
            diagnostics_.error(source_, here,
                               quote(text) + " is not of the type its tag `!!" + std::string(type) + "` says");
        else
            unknown_tag(here, tag);
        return builder_.add_string(here, text);
    }

    void check_tag(Place here, const std::string& tag, std::string_view own) {
        if (!tag.empty() && tag != "?" && tag != "!" && tag != own) unknown_tag(here, tag);
    }

    void unknown_tag(Place here, const std::string& tag) {
        diagnostics_.error(source_, here, "unknown tag " + quote(tag),
                           "the tags of a definition are !!str, !!int, !!float, !!bool, !!null, !!binary, !!seq, !!map",
                           "remove the tag");
    }

    static std::size_t offset(const YAML::Mark& mark) { return static_cast<std::size_t>(mark.pos); }

    static Place first_character(const YAML::Mark& mark) { return {static_cast<std::uint32_t>(mark.pos), 1}; }

    // What stands there: the scalar with its quotes, as far as it is on this line.
    Place place(const YAML::Mark& mark, std::string_view scalar) const {
        const std::string_view text = source_.text();
        std::size_t from = std::min(offset(mark), text.size());
        if (text.substr(from, 1) == "&" && scalar != text.substr(from, scalar.size()))  // an anchor stands before it
            from = std::min(text.find_first_not_of(" \t", text.find_first_of(" \t\r\n", from)), text.size());
        const auto made = [&](std::size_t length) {
            return Place{static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(length)};
        };
        if (text.substr(from, scalar.size()) == scalar) return made(scalar.size());
        const std::size_t line_end = std::min(text.find('\n', from), text.size());
        const char quote = from < text.size() ? text[from] : '\n';
        if (quote == '!') {  // a tag stands before it
            const std::size_t end = std::min(text.find_first_of(" \t\r\n,[]{}", from), text.size());
            return made(end - from);
        }
        if (quote != '"' && quote != '\'') {
            std::size_t end = line_end;
            while (end > from && (text[end - 1] == ' ' || text[end - 1] == '\r')) --end;
            return made(end - from);
        }
        std::size_t end = from + 1;
        while (end < line_end && text[end] != quote) end += quote == '"' && text[end] == '\\' ? 2 : 1;
        return made(std::min(end + 1, line_end) - from);
    }

    const SourceText& source_;
    Diagnostics& diagnostics_;
    TreeBuilder builder_;
    std::vector<const Node*> anchors_;  // by number; null while the node is not complete
    std::vector<YAML::anchor_t> open_;
    std::size_t document_start_ = 0;
};

}  // namespace

std::vector<SourceDocument> read_yaml(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                      Diagnostics& diagnostics) {
    TextBuffer buffer(source.text());
    std::istream in(&buffer);
    YamlHandler handler(source, arena, limits, diagnostics);
    std::vector<SourceDocument> documents;
    std::vector<std::size_t> starts;
    const auto at = [&](const YAML::Mark& mark) {
        if (mark.is_null()) return Place{0, 1};
        return Place{static_cast<std::uint32_t>(std::min<std::size_t>(mark.pos, source.text().size())), 1};
    };
    try {
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(handler)) {
            // yaml-cpp gives documents of nothing for ever where it cannot make sense of what stands there.
            if (starts.size() > 1 && handler.document_start() <= starts.back())
                throw ReadError{{static_cast<std::uint32_t>(starts.back()), 1},
                                "this is not YAML",
                                "what stands here belongs to no value",
                                "check indentation, quotes and brackets at and before this place"};
            starts.push_back(documents.empty() ? 0 : handler.document_start());
            documents.push_back({handler.take(), {}});
        }
    } catch (const ReadError& error) {
        diagnostics.error(source, error.place, error.problem, error.reason, error.suggestion);
    } catch (const YAML::DeepRecursion& error) {
        diagnostics.error(source, at(error.mark), "nested too deeply",
                          "more than " + std::to_string(limits.nesting) + " lists and maps are within one another");
    } catch (const YAML::ParserException& error) {
        const Place place = at(error.mark);
        if (const std::size_t tab = indenting_tab(source.text(), place.offset); tab != std::string_view::npos)
            diagnostics.error(source, {static_cast<std::uint32_t>(tab), 1}, "this is not YAML",
                              "the line is indented with a tab, and YAML wants spaces", "write spaces instead");
        else
            diagnostics.error(source, place, "this is not YAML", error.msg,
                              "check indentation, quotes and brackets at and before this place");
    }
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : source.text().size();
        documents[i].text = source.text().substr(starts[i], end - starts[i]);
    }
    std::erase_if(documents, [](const SourceDocument& d) {
        return d.root == nullptr || (d.root->is(Node::Kind::null) && d.root->text.empty());
    });
    return documents;
}

}  // namespace penstock
