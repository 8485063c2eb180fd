#include "workers/flatten.hpp"

#include "workers/parameters.hpp"

#include <fmt/format.h>

namespace penstock {

std::vector<std::string> Flatten::check(const Document& with) {
    if (with.empty()) return {};
    return {"`flatten` has no parameters"};
}

void Flatten::on_item(const Value& item, Emit& emit, Context&) {
    if (item.is(Value::Type::array))
        return with_elements(item.array(), [&emit](auto elements) {
            for (const auto element : elements) emit(element);
        });
    if (!item.is(Value::Type::list))
        throw ValueError(fmt::format("`flatten` makes items of the members of lists and arrays, and this item is {}",
                                     item.type_name()));
    for (const Value& member : item.list()) emit(member);
}

}  // namespace penstock
