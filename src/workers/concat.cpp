#include "workers/concat.hpp"

#include <algorithm>

namespace penstock {

namespace {

// Arrays of one type whose shapes agree in all but the first extent.
bool joinable(const List& parts) {
    if (parts.empty()) return false;
    for (const Value& part : parts) {
        if (!part.is(Value::Type::array)) return false;
        const Array &first = parts.front().array(), &other = part.array();
        if (other.shape().empty() || other.type() != first.type() || other.shape().size() != first.shape().size())
            return false;
        if (!std::equal(first.shape().begin() + 1, first.shape().end(), other.shape().begin() + 1)) return false;
    }
    return true;
}

Array join(const List& parts) {
    std::vector<std::uint64_t> shape = parts.front().array().shape();
    shape[0] = 0;
    std::size_t size = 0;
    for (const Value& part : parts) {
        shape[0] += part.array().shape()[0];
        size += part.array().bytes().size();
    }
    auto joined = std::make_shared<Bytes>();
    joined->reserve(size);
    for (const Value& part : parts) {
        const auto bytes = part.array().bytes();
        joined->insert(joined->end(), bytes.begin(), bytes.end());
    }
    return Array(parts.front().array().type(), std::move(shape), joined, *joined);
}

// uint64 elements beyond int64 throw ValueError, which says so.
void append_elements(const Array& array, List& out) {
    with_elements(array, [&out](auto elements) {
        for (const auto element : elements) out.emplace_back(element);
    });
}

}  // namespace

namespace {

Value joined(const List& parts) {
    if (joinable(parts)) return join(parts);
    List out;
    for (const Value& part : parts) {
        if (part.is(Value::Type::list))
            out.insert(out.end(), part.list().begin(), part.list().end());
        else if (part.is(Value::Type::array))
            append_elements(part.array(), out);
        else
            out.push_back(part);
    }
    return out;
}

}  // namespace

Document Concat::process(const Document& in, Context&) {
    const Value& values = at(in, "values");
    if (values.is(Value::Type::array)) return {{"values", values}};
    return {{"values", joined(values.list())}};
}

void Concat::finish(Emit& emit, Context&) { emit(joined(items_)); }

}  // namespace penstock
