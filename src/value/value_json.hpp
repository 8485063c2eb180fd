// Values as JSON text and back.
//
// JSON has no bytes, no arrays with a type and no NaN. Form::tagged writes them as {"@bytes": base64},
// {"@array": {"type":, "shape":, "data": base64}} and {"@float": "nan" | "inf" | "-inf"}, a string that is not UTF-8 as
// {"@string": base64} and a map with such a key as {"@map": [[key, value], ...]}; a map whose only key starts with "@"
// gets one "@" more. Every Value reads back the same. Form::plain is for other programs: arrays as nested lists (those
// without elements as "[]"), bytes as base64 strings, NaN and infinities as null, U+FFFD per byte that is no UTF-8.
//
// Both write float64 so that it reads back as one ("1.0"). What nests deeper than kMaxNesting is neither written nor
// read (tags not counted, nor the document itself): ValueError.
#pragma once

#include <penstock/value.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace penstock {

enum class JsonForm { tagged, plain };

std::string to_json(const Value& value, JsonForm form = JsonForm::tagged);
std::string to_json(const Document& document, JsonForm form = JsonForm::tagged);
// Integers that fit become int64, other numbers float64; of a key that occurs twice the last value counts. Throws
// ValueError with the byte position of what is wrong.
Value from_json(std::string_view text, JsonForm form = JsonForm::tagged);

// Form::tagged for a text whose arrays are kept elsewhere: what stands under "@array", and the array it stands for.
using ArrayToMap = std::function<Map(const Array&)>;
using MapToArray = std::function<Array(const Map&)>;
std::string to_json(const Value& value, const ArrayToMap& arrays);
Value from_json(std::string_view text, const MapToArray& arrays);

// "0.1", "1e+300", "42", "nan", "-inf": the shortest text that reads back as the same number; a float64 always shows
// that it is one ("1.0") when `keep_type`.
std::string number_text(double value, bool keep_type = false);

// How a value stands inside a string with placeholders: numbers shortest, strings as they are, bool true/false, the
// rest as plain JSON.
std::string plain_text(const Value& value);

}  // namespace penstock
