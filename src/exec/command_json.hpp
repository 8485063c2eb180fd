// JSON pointers (RFC 6901) into values.
#pragma once

#include <penstock/value.hpp>

#include <string>

namespace penstock {

// What is wrong with the pointer's form; "" = nothing.
std::string json_pointer_problem(const std::string& pointer);

// The value the pointer leads to, or null when there is none. `pointer` must be well-formed.
const Value* follow_json_pointer(const Value& root, const std::string& pointer);

}  // namespace penstock
