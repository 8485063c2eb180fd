// Checks of `with:` that several built-in worker types share.
#pragma once

#include <penstock/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// One sentence for each parameter that is none of `known`.
std::vector<std::string> unknown_parameters(const Document& with, std::string_view worker,
                                            const std::vector<std::string>& known);

// A string with a placeholder: what it will be is not known before the job runs.
bool is_open(const Value& value);

}  // namespace penstock
