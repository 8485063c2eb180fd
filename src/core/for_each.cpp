#include "core/plan.hpp"
#include "value/hash.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace penstock {

namespace {

std::uint64_t size_of(const std::vector<Axis>& dimension) { return dimension.empty() ? 1 : dimension.front().size(); }

// Calls f(axis, index of its value) for every axis in definition order, until f returns false.
template <class F>
void each_axis(const ForEach& for_each, std::uint32_t instance, F&& f) {
    std::uint64_t stride = 1;  // instances from one value of a dimension to its next: the product of those after it
    for (std::size_t d = 1; d < for_each.dimensions.size(); ++d) stride *= size_of(for_each.dimensions[d]);
    for (std::size_t d = 0; d < for_each.dimensions.size(); ++d) {
        const std::vector<Axis>& dimension = for_each.dimensions[d];
        const std::uint64_t size = size_of(dimension);
        const std::uint64_t index = instance / stride % size;
        for (const Axis& axis : dimension)
            if (!f(axis, index)) return;
        if (d + 1 < for_each.dimensions.size()) stride /= size_of(for_each.dimensions[d + 1]);
    }
}

// Unsigned, so that a range beyond int64, which no definition passes validation with, is at least no undefined
// behaviour.
std::int64_t element(const Range& range, std::uint64_t index) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(range.start) +
                                     index * static_cast<std::uint64_t>(range.step));
}

// A string that needs no quotes: nobody can take it for a number, a literal or JSON.
bool is_plain_word(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto inner = [&letter](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
    if (text.empty() || text.size() > kMaxLabelValue || !letter(text.front())) return false;
    if (!std::all_of(text.begin(), text.end(), inner)) return false;
    constexpr std::array<std::string_view, 5> kLiterals{"true", "false", "null", "nan", "inf"};
    return std::find(kLiterals.begin(), kLiterals.end(), text) == kLiterals.end();
}

void append_integer(std::string& out, std::int64_t v) {
    char buffer[20];  // "-9223372036854775808"
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

void append_json(std::string& out, const Value& value) {
    std::string text = to_json(value);
    if (text.size() > kMaxLabelValue) {
        char digits[16];
        const auto end = std::to_chars(digits, digits + sizeof digits, Hasher().add(value).value(), 16).ptr;
        std::size_t kept = kMaxLabelValue - 20;
        while (kept > 0 && !is_utf8(std::string_view(text).substr(0, kept))) --kept;
        text.resize(kept);
        text += "...#";
        text.append(digits, end);
    }
    out += text;
}

void append_value(std::string& out, const Value& value) {
    switch (value.type()) {
        case Value::Type::int64:
            return append_integer(out, value.int64());
        case Value::Type::float64:
            out += number_text(value.float64(), true);
            return;
        case Value::Type::string:
            if (is_plain_word(value.string())) {
                out += value.string();
                return;
            }
            [[fallthrough]];
        default:
            append_json(out, value);
    }
}

void append_name(std::string& out, std::string_view name) {
    if (!out.empty()) out += ',';
    out += name;
    out += '=';
}

}  // namespace

// ---------------------------------------------------------------------------------------------- Axis

std::uint64_t Axis::size() const {
    if (const auto* range = std::get_if<Range>(&values)) return range->count;
    if (const auto* linspace = std::get_if<Linspace>(&values)) return linspace->count;
    return std::get<std::vector<Value>>(values).size();
}

Value Axis::at(std::uint64_t index) const {
    if (index >= size()) throw std::out_of_range("no value " + std::to_string(index) + " of for-each " + name);
    if (const auto* range = std::get_if<Range>(&values)) return element(*range, index);
    if (const auto* linspace = std::get_if<Linspace>(&values)) {
        if (index == 0) return linspace->first;
        if (index + 1 == linspace->count) return linspace->last;
        return std::lerp(linspace->first, linspace->last,
                         static_cast<double>(index) / static_cast<double>(linspace->count - 1));
    }
    return std::get<std::vector<Value>>(values)[index];
}

// ---------------------------------------------------------------------------------------------- ForEach

std::uint32_t ForEach::count() const {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t product = 1;
    bool beyond = false;
    for (const std::vector<Axis>& dimension : dimensions) {
        const std::uint64_t size = size_of(dimension);
        if (size == 0) return 0;
        beyond = beyond || size > kMost || product * size > kMost;
        if (!beyond) product *= size;
    }
    return static_cast<std::uint32_t>(beyond ? kMost : product);
}

std::vector<std::string> ForEach::names() const {
    std::vector<std::string> names;
    for (const std::vector<Axis>& dimension : dimensions)
        for (const Axis& axis : dimension) names.push_back(axis.name);
    return names;
}

Value ForEach::value(std::string_view name, std::uint32_t instance) const {
    std::optional<Value> found;
    each_axis(*this, instance, [&](const Axis& axis, std::uint64_t index) {
        if (axis.name == name) found = axis.at(index);
        return !found;
    });
    if (!found) throw std::out_of_range("no for-each value is called " + std::string(name));
    return std::move(*found);
}

Document ForEach::parameters(std::uint32_t instance) const {
    Document values;
    each_axis(*this, instance, [&](const Axis& axis, std::uint64_t index) {
        values.insert_or_assign(axis.name, axis.at(index));
        return true;
    });
    return values;
}

std::string ForEach::label(std::uint32_t instance) const {
    std::string out;
    each_axis(*this, instance, [&out](const Axis& axis, std::uint64_t index) {
        append_name(out, axis.name);
        if (const auto* range = std::get_if<Range>(&axis.values))  // the usual case, without a Value
            append_integer(out, element(*range, index));
        else if (const auto* values = std::get_if<std::vector<Value>>(&axis.values))
            append_value(out, values->at(index));
        else
            append_value(out, axis.at(index));
        return true;
    });
    return out;
}

void ForEach::add_values(std::uint32_t instance, Hasher& hasher) const {
    each_axis(*this, instance, [&hasher](const Axis& axis, std::uint64_t index) {
        if (const auto* values = std::get_if<std::vector<Value>>(&axis.values))
            hasher.add(values->at(index));
        else
            hasher.add(axis.at(index));
        return true;
    });
}

std::string label_of(const Document& values) {
    std::string out;
    for (const auto& [name, value] : values) {
        append_name(out, name);
        append_value(out, value);
    }
    return out;
}

}  // namespace penstock
