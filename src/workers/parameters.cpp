#include "workers/parameters.hpp"

#include "value/placeholders.hpp"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace penstock
