#include "workers/fail.hpp"

#include "value/value_json.hpp"
#include "workers/parameters.hpp"

#include <stdexcept>

namespace penstock {

std::vector<std::string> Fail::check(const Document& with) {
    std::vector<std::string> problems = unknown_parameters(with, kName, {"message", "attempts"});
    const auto attempts = with.find("attempts");
    if (attempts != with.end() && !is_open(attempts->second) && !attempts->second.is(Value::Type::int64))
        problems.push_back("`attempts` of `fail` must be a whole number: how many attempts fail");
    return problems;
}

Document Fail::process(const Document&, Context& context) {
    const Document& parameters = context.parameters();
    const auto attempts = parameters.find("attempts");
    if (attempts != parameters.end() && context.attempt() > attempts->second.int64()) return {};
    const auto message = parameters.find("message");
    throw std::runtime_error(message == parameters.end() ? "this job is of the worker type `fail`"
                                                         : plain_text(message->second));
}

}  // namespace penstock
