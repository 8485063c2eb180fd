#include "workers/constant.hpp"

#include "workers/parameters.hpp"

namespace penstock {

Keys Constant::makes(const Document& with) {
    Keys keys;
    const auto values = with.find("values");
    if (values == with.end() || !values->second.is(Value::Type::map)) return keys;  // check() says so
    for (const auto& [key, value] : values->second.map()) keys.push_back(key);
    return keys;
}

std::vector<std::string> Constant::check(const Document& with) {
    std::vector<std::string> problems = unknown_parameters(with, kName, {"values"});
    const auto values = with.find("values");
    if (values == with.end() || !values->second.is(Value::Type::map))
        problems.push_back("`constant` needs the parameter `values`, a map from the keys it makes to their values");
    return problems;
}

Document Constant::process(const Document&, Context& context) { return at(context.parameters(), "values").map(); }

}  // namespace penstock
