#include "html.hpp"

#include <curl/curl.h>
#include <gumbo.h>
#include <utf8proc.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace web {

namespace {

class Page {
public:
    explicit Page(const std::string& html)
        : output_(gumbo_parse_with_options(&kGumboDefaultOptions, html.data(), html.size())) {}
    ~Page() { gumbo_destroy_output(&kGumboDefaultOptions, output_); }
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;

    const GumboNode* root() const { return output_->root; }

private:
    GumboOutput* output_;
};

// Whether to go into the children of a node; called again when all of them have been visited.
enum class Visit { enter, leave };
using Visitor = std::function<bool(const GumboNode&, Visit)>;

// With a stack of its own: a page may nest deeper than ours is.
void walk(const GumboNode* root, const Visitor& visit) {
    struct Open {
        const GumboNode* node;
        unsigned next_child;
    };
    std::vector<Open> open;
    const auto enter = [&](const GumboNode* node) {
        if (visit(*node, Visit::enter) && node->type == GUMBO_NODE_ELEMENT) open.push_back({node, 0});
    };
    enter(root);
    while (!open.empty()) {
        auto& [node, next_child] = open.back();
        const GumboVector& children = node->v.element.children;
        if (next_child < children.length) {
            enter(static_cast<const GumboNode*>(children.data[next_child++]));
        } else {
            visit(*node, Visit::leave);
            open.pop_back();
        }
    }
}

bool is_hidden(GumboTag tag) {
    static const std::set<GumboTag> kHidden = {GUMBO_TAG_HEAD, GUMBO_TAG_SCRIPT, GUMBO_TAG_STYLE, GUMBO_TAG_TEMPLATE,
                                               GUMBO_TAG_NOSCRIPT};
    return kHidden.contains(tag);
}

bool is_part_of_a_line(GumboTag tag) {
    static const std::set<GumboTag> kInline = {
        GUMBO_TAG_A,      GUMBO_TAG_ABBR, GUMBO_TAG_ACRONYM, GUMBO_TAG_B,     GUMBO_TAG_BDI,  GUMBO_TAG_BDO,
        GUMBO_TAG_BIG,    GUMBO_TAG_CITE, GUMBO_TAG_CODE,    GUMBO_TAG_DATA,  GUMBO_TAG_DEL,  GUMBO_TAG_DFN,
        GUMBO_TAG_EM,     GUMBO_TAG_FONT, GUMBO_TAG_I,       GUMBO_TAG_INS,   GUMBO_TAG_KBD,  GUMBO_TAG_MARK,
        GUMBO_TAG_Q,      GUMBO_TAG_S,    GUMBO_TAG_SAMP,    GUMBO_TAG_SMALL, GUMBO_TAG_SPAN, GUMBO_TAG_STRIKE,
        GUMBO_TAG_STRONG, GUMBO_TAG_SUB,  GUMBO_TAG_SUP,     GUMBO_TAG_TIME,  GUMBO_TAG_TT,   GUMBO_TAG_U,
        GUMBO_TAG_VAR,    GUMBO_TAG_WBR};
    return kInline.contains(tag);
}

const char* attribute(const GumboNode& node, const char* name) {
    const GumboAttribute* found = gumbo_get_attribute(&node.v.element.attributes, name);
    return found ? found->value : nullptr;
}

constexpr std::string_view kSpace = " \t\n\f\r";  // HTML's

// A reference as browsers read it: without space around it, and without line breaks and tabs anywhere.
std::string reference_of(std::string_view text) {
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return "";
    std::string reference(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
    std::erase_if(reference, [](char c) { return c == '\t' || c == '\n' || c == '\r'; });
    return reference;
}

// libcurl's URL of a page, against which others are resolved.
class Url {
public:
    explicit Url(const std::string& text) : handle_(curl_url()), valid_(set(text)) {}
    Url(const Url& base, const std::string& reference)
        : handle_(curl_url_dup(base.handle_.get())), valid_(base.valid_ && set(reference)) {}

    // Without fragment; nothing when it is no http or https URL.
    std::optional<std::string> text() const {
        if (!valid_) return std::nullopt;
        const auto scheme = part(CURLUPART_SCHEME);
        if (scheme != "http" && scheme != "https") return std::nullopt;
        return part(CURLUPART_URL);
    }

private:
    struct Cleanup {
        void operator()(CURLU* url) const { curl_url_cleanup(url); }
    };
    // The fragment goes first, because libcurl resolves one that stands alone wrongly. Nothing left: the page itself.
    bool set(const std::string& reference) {
        const std::string target = reference.substr(0, reference.find('#'));
        return target.empty() ||
               curl_url_set(handle_.get(), CURLUPART_URL, target.c_str(), CURLU_URLENCODE) == CURLUE_OK;
    }
    std::string part(CURLUPart which) const {
        char* text = nullptr;
        if (curl_url_get(handle_.get(), which, &text, 0) != CURLUE_OK) return "";
        const std::string copy = text;
        curl_free(text);
        return copy;
    }

    std::unique_ptr<CURLU, Cleanup> handle_;
    bool valid_;
};

}  // namespace

std::string visible_text(const std::string& html) {
    const Page page(html);
    std::string text;
    walk(page.root(), [&](const GumboNode& node, Visit) {
        if (node.type == GUMBO_NODE_ELEMENT) {
            if (!is_part_of_a_line(node.v.element.tag) && !text.empty() && text.back() != '\n') text += '\n';
            return !is_hidden(node.v.element.tag);
        }
        if (node.type == GUMBO_NODE_TEXT || node.type == GUMBO_NODE_WHITESPACE || node.type == GUMBO_NODE_CDATA)
            text += node.v.text.text;
        return true;
    });
    return text;
}

std::optional<std::string> title(const std::string& html) {
    const Page page(html);
    const GumboNode* found = nullptr;
    walk(page.root(), [&](const GumboNode& node, Visit) {
        if (!found && node.type == GUMBO_NODE_ELEMENT && node.v.element.tag == GUMBO_TAG_TITLE &&
            node.v.element.tag_namespace == GUMBO_NAMESPACE_HTML)  // images in a page have titles too
            found = &node;
        return !found;
    });
    if (!found) return std::nullopt;

    std::string text;
    for (unsigned i = 0; i < found->v.element.children.length; ++i) {
        const auto& child = *static_cast<const GumboNode*>(found->v.element.children.data[i]);
        if (child.type == GUMBO_NODE_TEXT || child.type == GUMBO_NODE_WHITESPACE) text += child.v.text.text;
    }
    std::string line;
    for (std::size_t at = 0; (at = text.find_first_not_of(kSpace, at)) != std::string::npos;) {
        const auto end = std::min(text.find_first_of(kSpace, at), text.size());
        line.append(line.empty() ? "" : " ").append(text, at, end - at);
        at = end;
    }
    if (line.empty()) return std::nullopt;
    return line;
}

std::vector<std::string> links(const std::string& html, const std::string& page_url) {
    const Page page(html);
    std::optional<std::string> base;
    std::vector<std::string> references;
    walk(page.root(), [&](const GumboNode& node, Visit visit) {
        if (node.type != GUMBO_NODE_ELEMENT || visit == Visit::leave) return true;
        const char* href = attribute(node, "href");
        if (href && node.v.element.tag == GUMBO_TAG_BASE && !base) base = reference_of(href);
        if (href && node.v.element.tag == GUMBO_TAG_A) references.push_back(reference_of(href));
        return true;
    });

    const Url page_itself(page_url);
    const Url start(page_itself, base.value_or(""));
    std::vector<std::string> targets;
    std::set<std::string> seen;
    for (const auto& reference : references)
        if (const auto target = Url(start, reference).text(); target && seen.insert(*target).second)
            targets.push_back(*target);
    return targets;
}

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> found;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) found.push_back(std::exchange(word, {}));
    };
    while (!text.empty()) {
        utf8proc_int32_t letter = 0;
        const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &letter);
        text.remove_prefix(length > 0 ? static_cast<std::size_t>(length) : 1);
        const auto category = length > 0 ? utf8proc_category(letter) : UTF8PROC_CATEGORY_CN;
        const bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
        const bool is_mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
        if (!is_letter && !(is_mark && !word.empty())) {
            end_word();
            continue;
        }
        utf8proc_uint8_t bytes[4];
        const auto size = utf8proc_encode_char(utf8proc_tolower(letter), bytes);
        word.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    end_word();
    return found;
}

}  // namespace web
