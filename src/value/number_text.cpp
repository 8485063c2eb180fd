#include "value/value_json.hpp"

#include <charconv>
#include <cmath>

namespace penstock {

std::string number_text(double value, bool keep_type) {
    if (std::isnan(value)) return "nan";  // to_chars would show a sign
    char buffer[32];                      // the longest is 24: "-1.2345678901234567e-308"
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    std::string text(buffer, end);
    if (keep_type && std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

std::string plain_text(const Value& value) {
    switch (value.type()) {
        case Value::Type::boolean:
            return value.boolean() ? "true" : "false";
        case Value::Type::int64:
            return std::to_string(value.int64());
        case Value::Type::float64:
            return number_text(value.float64());
        case Value::Type::string:
            return value.string();
        default:
            return to_json(value, JsonForm::plain);
    }
}

}  // namespace penstock
