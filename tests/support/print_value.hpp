// Values as JSON in the messages of failed tests, instead of as 72 bytes.
#pragma once

#include "value/value_json.hpp"

#include <ostream>

namespace penstock {

inline void PrintTo(const Value& value, std::ostream* out) { *out << value.type_name() << ' ' << to_json(value); }

}  // namespace penstock
