// from_json(): the parser is nlohmann/json's, event by event; here the events become Values.
#include "value/base64.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <optional>

namespace penstock {

namespace {

using nlohmann::json;

// ---------------------------------------------------------------------------------------------- tags

[[noreturn]] void bad_tag(std::string_view tag, std::string_view wanted) {
    throw ValueError(fmt::format("JSON: \"{}\" needs {}", tag, wanted));
}

Bytes base64_of(std::string_view tag, const Value& v) {
    std::optional<Bytes> bytes;
    if (v.is(Value::Type::string)) bytes = from_base64(v.string());
    if (!bytes) bad_tag(tag, "a string in base64");
    return std::move(*bytes);
}

Value tagged_float(const Value& v) {
    if (v == Value("nan")) return std::nan("");
    if (v == Value("inf")) return HUGE_VAL;
    if (v == Value("-inf")) return -HUGE_VAL;
    bad_tag("@float", R"("nan", "inf" or "-inf")");
}

Value tagged_array(const Value& v) {
    constexpr std::string_view kWanted = R"({"type": name, "shape": [extents], "data": base64})";
    if (!v.is(Value::Type::map)) bad_tag("@array", kWanted);
    const Map& parts = v.map();
    const auto type = parts.find("type"), shape = parts.find("shape"), data = parts.find("data");
    if (parts.size() != 3 || type == parts.end() || shape == parts.end() || data == parts.end() ||
        !type->second.is(Value::Type::string) || !shape->second.is(Value::Type::list))
        bad_tag("@array", kWanted);
    std::vector<std::uint64_t> extents;
    for (const Value& extent : shape->second.list()) {
        if (!extent.is(Value::Type::int64) || extent.int64() < 0) bad_tag("@array", kWanted);
        extents.push_back(static_cast<std::uint64_t>(extent.int64()));
    }
    return Array(element_type_of(type->second.string()), std::move(extents), base64_of("@array", data->second));
}

Value tagged_map(const Value& v) {
    constexpr std::string_view kWanted = "a list of [key, value]";
    if (!v.is(Value::Type::list)) bad_tag("@map", kWanted);
    Map map;
    for (const Value& pair : v.list()) {
        if (!pair.is(Value::Type::list) || pair.list().size() != 2 || !pair.list()[0].is(Value::Type::string))
            bad_tag("@map", kWanted);
        map.insert_or_assign(pair.list()[0].string(), pair.list()[1]);
    }
    return map;
}

// What an object stands for, once all of its members are read.
Value untagged(Map&& map, const MapToArray& arrays) {
    if (map.size() != 1 || !map.begin()->first.starts_with('@')) return std::move(map);
    auto& [key, v] = *map.begin();
    if (key == "@float") return tagged_float(v);
    if (key == "@bytes") return base64_of(key, v);
    if (key == "@array" && arrays && v.is(Value::Type::map)) return arrays(v.map());
    if (key == "@array") return tagged_array(v);
    if (key == "@map") return tagged_map(v);
    if (key == "@string") {
        const Bytes bytes = base64_of(key, v);
        return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    if (key.starts_with("@@")) {
        auto member = map.extract(map.begin());
        member.key().erase(0, 1);
        map.insert(std::move(member));
    }
    return std::move(map);
}

// ---------------------------------------------------------------------------------------------- events

// A document, and kMaxNesting within it. With tags a map takes up to three levels ("@map") and an array adds three.
constexpr std::size_t kDeepestPlain = kMaxNesting + 1;
constexpr std::size_t kDeepestTagged = 3 * kDeepestPlain + 3;

class ValueBuilder final : public nlohmann::json_sax<json> {
public:
    explicit ValueBuilder(JsonForm form) : tagged_(form == JsonForm::tagged) {}
    explicit ValueBuilder(const MapToArray& arrays) : tagged_(true), arrays_(arrays) {}

    Value take() { return std::move(result_); }

    bool null() override { return put(Value()); }
    bool boolean(bool v) override { return put(v); }
    bool number_integer(std::int64_t v) override { return put(v); }
    bool number_unsigned(std::uint64_t v) override {
        if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return put(static_cast<double>(v));
        return put(static_cast<std::int64_t>(v));
    }
    bool number_float(double v, const std::string&) override { return put(v); }
    bool string(std::string& v) override { return put(std::move(v)); }
    bool binary(json::binary_t&) override { return false; }  // JSON text has none

    bool start_array(std::size_t) override { return open(List()); }
    bool end_array() override { return close(); }
    bool start_object(std::size_t) override { return open(Map()); }
    bool end_object() override { return close(); }
    bool key(std::string& k) override {
        open_.back().key = std::move(k);
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." without its head
        std::string_view text = error.what();
        if (const auto head = text.find("] "); head != std::string_view::npos) text.remove_prefix(head + 2);
        throw ValueError(fmt::format("this is no JSON, from byte {} on: {}", position, text));
    }

private:
    struct Open {
        Value value;
        std::string key;  // of the member being read
    };

    bool open(Value&& container) {
        if (open_.size() == (tagged_ ? kDeepestTagged : kDeepestPlain))
            throw ValueError(
                fmt::format("JSON nests lists and objects more than {} deep; make it flatter", kMaxNesting));
        open_.push_back({std::move(container), {}});
        return true;
    }

    bool close() {
        Value done = std::move(open_.back().value);
        open_.pop_back();
        if (tagged_ && done.is(Value::Type::map)) done = untagged(std::move(done.map()), arrays_);
        return put(std::move(done));
    }

    bool put(Value&& v) {
        if (open_.empty())
            result_ = std::move(v);
        else if (Open& in = open_.back(); in.value.is(Value::Type::list))
            in.value.list().push_back(std::move(v));
        else
            in.value.map().insert_or_assign(std::move(in.key), std::move(v));
        return true;
    }

    bool tagged_;
    MapToArray arrays_;
    std::vector<Open> open_;
    Value result_;
};

}  // namespace

Value from_json(std::string_view text, JsonForm form) {
    ValueBuilder builder(form);
    json::sax_parse(text.begin(), text.end(), &builder);
    return builder.take();
}

Value from_json(std::string_view text, const MapToArray& arrays) {
    ValueBuilder builder(arrays);
    json::sax_parse(text.begin(), text.end(), &builder);
    return builder.take();
}

}  // namespace penstock
