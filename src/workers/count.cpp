#include "workers/count.hpp"

namespace penstock {

namespace {

std::uint64_t count(const Value& values) {
    if (values.is_null()) return 0;
    if (values.is(Value::Type::array)) return values.array().size();
    if (!values.is(Value::Type::list)) return 1;
    std::uint64_t sum = 0;
    for (const Value& element : values.list()) sum += count(element);
    return sum;
}

}  // namespace

Document Count::process(const Document& in, Context&) { return {{"count", count(at(in, "values"))}}; }

}  // namespace penstock
