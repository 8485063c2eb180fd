// to_json(): written by hand, because a document goes out without first being copied into a tree of another library;
// only the escaping of unusual strings is left to it.
#include "value/base64.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace penstock {

namespace {

bool needs_no_escape(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

class JsonWriter {
public:
    explicit JsonWriter(JsonForm form) : tagged_(form == JsonForm::tagged) {}
    explicit JsonWriter(const ArrayToMap& arrays) : tagged_(true), arrays_(arrays) {}

    std::string take() { return std::move(out_); }

    void value(const Value& v, int depth) {
        switch (v.type()) {
            case Value::Type::null:
                out_ += "null";
                break;
            case Value::Type::boolean:
                out_ += v.boolean() ? "true" : "false";
                break;
            case Value::Type::int64:
                fmt::format_to(std::back_inserter(out_), "{}", v.int64());
                break;
            case Value::Type::float64:
                real(v.float64());
                break;
            case Value::Type::string:
                string(v.string());
                break;
            case Value::Type::bytes:
                bytes(v.bytes());
                break;
            case Value::Type::list:
                list(v.list(), check(depth));
                break;
            case Value::Type::map:
                map(v.map(), check(depth));
                break;
            case Value::Type::array:
                tagged_ ? typed_array(v.array()) : nested_array(v.array());
                break;
        }
    }

    void map(const Map& m, int depth) {
        if (tagged_ && !std::all_of(m.begin(), m.end(), [](const auto& member) { return is_utf8(member.first); }))
            return map_as_pairs(m, depth);
        const bool looks_tagged = tagged_ && m.size() == 1 && m.begin()->first.starts_with('@');
        out_ += '{';
        const char* separator = "";
        for (const auto& [key, v] : m) {
            out_ += separator;
            separator = ",";
            quoted(looks_tagged ? '@' + key : key);
            out_ += ':';
            value(v, depth);
        }
        out_ += '}';
    }

private:
    static int check(int depth) {
        if (depth == kMaxNesting)
            throw ValueError(
                fmt::format("a value nests lists and maps more than {} deep, which is too deep to be written "
                            "as JSON; make it flatter",
                            kMaxNesting));
        return depth + 1;
    }

    void list(const List& l, int depth) {
        out_ += '[';
        const char* separator = "";
        for (const Value& element : l) {
            out_ += separator;
            separator = ",";
            value(element, depth);
        }
        out_ += ']';
    }

    void map_as_pairs(const Map& m, int depth) {
        out_ += "{\"@map\":[";
        const char* separator = "";
        for (const auto& [key, v] : m) {
            out_ += separator;
            separator = ",";
            out_ += '[';
            string(key);
            out_ += ',';
            value(v, depth);
            out_ += ']';
        }
        out_ += "]}";
    }

    void real(double v) {
        if (std::isfinite(v))
            out_ += number_text(v, true);
        else if (tagged_)
            out_ += "{\"@float\":\"" + number_text(v) + "\"}";
        else
            out_ += "null";
    }

    void string(const std::string& s) {
        if (!tagged_ || is_utf8(s)) return quoted(s);
        out_ += "{\"@string\":\"" + to_base64(std::as_bytes(std::span(s))) + "\"}";
    }

    void bytes(const Bytes& b) {
        if (tagged_) out_ += "{\"@bytes\":";
        out_ += '"' + to_base64(b) + '"';
        if (tagged_) out_ += '}';
    }

    void quoted(const std::string& s) {
        if (std::all_of(s.begin(), s.end(), needs_no_escape)) {
            out_ += '"';
            out_ += s;
            out_ += '"';
        } else {
            out_ += nlohmann::json(is_utf8(s) ? s : to_utf8(s)).dump();
        }
    }

    void typed_array(const Array& a) {
        if (arrays_) {
            out_ += "{\"@array\":";
            map(arrays_(a), 0);
            out_ += '}';
            return;
        }
        fmt::format_to(std::back_inserter(out_), "{{\"@array\":{{\"type\":\"{}\",\"shape\":[{}],\"data\":\"{}\"}}}}",
                       element_name(a.type()), fmt::join(a.shape(), ","), to_base64(a.bytes()));
    }

    void nested_array(const Array& a) {
        if (a.size() == 0) {
            out_ += "[]";  // whatever the shape: (1000000000, 0) would be gigabytes of empty lists
            return;
        }
        with_elements(a, [this, &a](auto elements) { nested(elements, std::span(a.shape())); });
    }

    template <class T>
    void nested(std::span<const T> elements, std::span<const std::uint64_t> shape) {
        if (shape.empty()) return number(elements.front());
        out_ += '[';
        const std::size_t stride = elements.size() / shape[0];
        for (std::uint64_t i = 0; i < shape[0]; ++i) {
            if (i > 0) out_ += ',';
            nested(elements.subspan(i * stride, stride), shape.subspan(1));
        }
        out_ += ']';
    }

    template <class T>
    void number(T v) {
        if constexpr (std::is_same_v<T, double>) {
            real(v);
        } else if constexpr (std::is_same_v<T, float>) {
            // The shortest text of a float: 0.1, where the same number as a double is 0.10000000149011612.
            if (std::isfinite(v))
                out_ += float_text(v);
            else
                out_ += "null";
        } else {
            fmt::format_to(std::back_inserter(out_), "{:d}", v);
        }
    }

    static std::string float_text(float v) {
        char buffer[32];
        std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
        if (text.find_first_of(".e") == std::string::npos) text += ".0";
        return text;
    }

    bool tagged_;
    ArrayToMap arrays_;
    std::string out_;
};

}  // namespace

std::string to_json(const Value& value, JsonForm form) {
    JsonWriter writer(form);
    writer.value(value, 0);
    return writer.take();
}

std::string to_json(const Value& value, const ArrayToMap& arrays) {
    JsonWriter writer(arrays);
    writer.value(value, 0);
    return writer.take();
}

std::string to_json(const Document& document, JsonForm form) {
    JsonWriter writer(form);
    writer.map(document, 0);
    return writer.take();
}

}  // namespace penstock
