#include "workers/parameters.hpp"

#include "value/placeholders.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace penstock {

std::vector<std::string> unknown_parameters(const Document& with, std::string_view worker,
                                            const std::vector<std::string>& known) {
    std::vector<std::string> problems;
    for (const auto& [name, value] : with)
        if (std::find(known.begin(), known.end(), name) == known.end())
            problems.push_back(
                fmt::format("`{}` has no parameter `{}`; it has {}", worker, name, fmt::join(known, ", ")));
    return problems;
}

bool is_open(const Value& value) {
    std::vector<std::string> problems;
    return value.is(Value::Type::string) && !placeholder_names(value, problems).empty();
}

Parameters::Parameters(const Document& with, std::string_view worker, const std::vector<std::string>& known)
    : with_(with), worker_(worker), problems_(unknown_parameters(with, worker, known)) {}

const Value* Parameters::find(std::string_view name, std::string_view what, bool required) {
    const auto found = with_.find(name);
    if (found == with_.end()) {
        if (required) problem(fmt::format("`{}` needs the parameter `{}`: {}", worker_, name, what));
        return nullptr;
    }
    return is_open(found->second) ? nullptr : &found->second;
}

std::optional<std::string> Parameters::text(std::string_view name, std::string_view what, bool required) {
    const Value* value = find(name, what, required);
    if (value == nullptr) return std::nullopt;
    if (value->is(Value::Type::string) && !value->string().empty()) return value->string();
    problem(fmt::format("`{}` is {}; it must be {}", name, to_json(*value, JsonForm::plain), what));
    return std::nullopt;
}

std::optional<std::int64_t> Parameters::integer(std::string_view name, std::string_view what, bool required) {
    const Value* value = find(name, what, required);
    if (value == nullptr) return std::nullopt;
    if (value->is(Value::Type::int64)) return value->int64();
    problem(fmt::format("`{}` is {}; it must be {}", name, to_json(*value, JsonForm::plain), what));
    return std::nullopt;
}

std::optional<double> Parameters::number(std::string_view name, std::string_view what, bool required) {
    const Value* value = find(name, what, required);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return value->number();
    problem(fmt::format("`{}` is {}; it must be {}", name, to_json(*value, JsonForm::plain), what));
    return std::nullopt;
}

std::optional<bool> Parameters::flag(std::string_view name) {
    const Value* value = find(name, "true or false", false);
    if (value == nullptr) return std::nullopt;
    if (value->is(Value::Type::boolean)) return value->boolean();
    problem(fmt::format("`{}` is {}; it must be true or false", name, to_json(*value, JsonForm::plain)));
    return std::nullopt;
}

void Parameters::throw_first() const {
    if (!problems_.empty()) throw std::invalid_argument(problems_.front());
}

}  // namespace penstock
