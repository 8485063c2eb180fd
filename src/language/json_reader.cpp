// JSON through nlohmann's SAX interface. It tells no places, but it reads its input one character at a time and calls
// back as soon as a token is complete: counting what it has read gives the end of each token.
#include "language/reader.hpp"

#include <nlohmann/json.hpp>

#include <iterator>

namespace penstock {

namespace {

// An input iterator that leaves its position where the handler can see it.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** seen) : at_(at), seen_(seen) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        *seen_ = ++at_;
        return *this;
    }
    CountingIterator operator++(int) {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

private:
    const char* at_;
    const char** seen_;
};

class JsonHandler : public nlohmann::json_sax<nlohmann::json> {
public:
    JsonHandler(const SourceText& source, TreeBuilder& builder, Diagnostics& diagnostics, const char* const* seen)
        : source_(source), builder_(builder), diagnostics_(diagnostics), seen_(seen) {}

    bool null() override { return builder_.add_null(before(4), "null"); }
    bool boolean(bool value) override {
        return builder_.add_boolean(before(value ? 4 : 5), value ? "true" : "false", value);
    }
    bool number_integer(number_integer_t value) override {
        const Place place = number();
        return builder_.add_int64(place, text(place), value);
    }
    bool number_unsigned(number_unsigned_t value) override {
        const Place place = number();
        if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
            return builder_.add_float64(place, text(place), static_cast<double>(value));
        return builder_.add_int64(place, text(place), static_cast<std::int64_t>(value));
    }
    bool number_float(number_float_t value, const string_t&) override {
        const Place place = number();
        return builder_.add_float64(place, text(place), value);
    }
    bool string(string_t& value) override { return builder_.add_string(quoted_text(), value); }
    bool binary(binary_t&) override { return false; }  // JSON text has none
    bool start_object(std::size_t) override {
        builder_.begin_map(before(1));
        return true;
    }
    bool key(string_t& value) override { return builder_.add_string(quoted_text(), value); }
    bool end_object() override { return builder_.end(); }
    bool start_array(std::size_t) override {
        builder_.begin_list(before(1));
        return true;
    }
    bool end_array() override { return builder_.end(); }

    bool parse_error(std::size_t, const std::string& last_token, const nlohmann::json::exception& error) override {
        std::string reason = error.what();
        const std::size_t text_begins = reason.rfind("syntax error");  // after nlohmann's own numbers and place
        if (text_begins != std::string::npos) reason = reason.substr(text_begins);
        const Place place = last_token.empty() ? before(std::min<std::size_t>(1, position())) : token();
        diagnostics_.error(source_, place, "this is not JSON", reason,
                           "check quotes, commas and brackets at and before this place");
        return false;
    }

private:
    std::size_t position() const { return static_cast<std::size_t>(*seen_ - source_.text().data()); }
    std::string_view text(Place place) const { return source_.text().substr(place.offset, place.length); }

    Place before(std::size_t length) const {
        const std::size_t end = position();
        return {static_cast<std::uint32_t>(end - length), static_cast<std::uint32_t>(length)};
    }

    // The reader has seen one character beyond a number, unless the text ends with it.
    Place number() const {
        const auto is_part = [](char c) {
            return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
        };
        std::size_t end = position();
        if (end > 0 && !is_part(source_.text()[end - 1])) --end;
        std::size_t begin = end;
        while (begin > 0 && is_part(source_.text()[begin - 1])) --begin;
        return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
    }

    // The word, number, text or sign that was read last.
    Place token() const {
        const std::string_view whole = source_.text();
        const std::size_t end = position();
        if (end > 1 && whole[end - 1] == '"') return quoted_text();
        const auto in_word = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        };
        std::size_t begin = end;
        while (begin > 0 && in_word(whole[begin - 1])) --begin;
        return before(std::max<std::size_t>(1, end - begin));
    }

    // Back from the closing quote to the opening one: a quote before which stand no, or an even number of, backslashes.
    Place quoted_text() const {
        const std::string_view whole = source_.text();
        const std::size_t end = position();
        std::size_t begin = end - 1;
        while (begin > 0) {
            --begin;
            if (whole[begin] != '"') continue;
            std::size_t slashes = 0;
            while (slashes < begin && whole[begin - 1 - slashes] == '\\') ++slashes;
            if (slashes % 2 == 0) break;
        }
        return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
    }

    const SourceText& source_;
    TreeBuilder& builder_;
    Diagnostics& diagnostics_;
    const char* const* seen_;
};

}  // namespace

const Node* read_json_value(const SourceText& source, Place place, Arena& arena, const LanguageLimits& limits,
                            Diagnostics& diagnostics) {
    const char* begin = source.text().data() + place.offset;
    const char* end = begin + place.length;
    const char* seen = begin;
    TreeBuilder builder(arena, source, limits, diagnostics);
    JsonHandler handler(source, builder, diagnostics, &seen);
    try {
        const bool good =
            nlohmann::json::sax_parse(CountingIterator(begin, &seen), CountingIterator(end, &seen), &handler);
        return good ? builder.take() : nullptr;
    } catch (const ReadError& error) {
        diagnostics.error(source, error.place, error.problem, error.reason, error.suggestion);
        return nullptr;
    }
}

std::vector<SourceDocument> read_json(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                      Diagnostics& diagnostics) {
    const Place whole{0, static_cast<std::uint32_t>(source.text().size())};
    const Node* root = read_json_value(source, whole, arena, limits, diagnostics);
    if (!root) return {};
    return {{root, source.text()}};
}

bool is_json(std::string_view text) { return nlohmann::json::accept(text.begin(), text.end()); }

}  // namespace penstock
