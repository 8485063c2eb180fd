// Values as JSON text and back.
//
// JSON has no bytes and no arrays with a type: with Form::tagged they are written as {"@bytes": base64} and
// {"@array": {"type":, "shape":, "data": base64}}, and NaN and infinities as {"@float": "nan"}; every Value reads back
// the same. Form::plain is for other programs: arrays as nested lists, bytes as base64 strings, NaN as null.
#pragma once

#include <penstock/value.hpp>

#include <string>
#include <string_view>

namespace penstock {

enum class JsonForm { tagged, plain };

std::string to_json(const Value& value, JsonForm form = JsonForm::tagged);
std::string to_json(const Document& document, JsonForm form = JsonForm::tagged);
// Integers that fit become int64, other numbers float64. Throws ValueError with the byte position of what is wrong.
Value from_json(std::string_view text, JsonForm form = JsonForm::tagged);

// "0.1", "1e+300", "42": the shortest text that reads back as the same number; a float64 always shows that it is one
// ("1.0") when `keep_type`.
std::string number_text(double value, bool keep_type = false);

// How a value stands inside a string with placeholders: numbers shortest, strings as they are, bool true/false, the
// rest as plain JSON.
std::string plain_text(const Value& value);

}  // namespace penstock
