#include "workers/batch.hpp"

#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <utility>

namespace penstock {

namespace {

constexpr std::int64_t kMostItems = 1'000'000;

std::int64_t items_of(Parameters& parameters) {
    const std::int64_t items = parameters.integer("items", "how many items make one list").value_or(1);
    if (items < 1 || items > kMostItems)
        parameters.problem(fmt::format("`items` is {}; it must be 1 to {}", items, kMostItems));
    return items;
}

}  // namespace

std::vector<std::string> Batch::check(const Document& with) {
    Parameters parameters(with, kName, {"items"});
    items_of(parameters);
    return std::move(parameters).problems();
}

void Batch::start(Context& context) {
    Parameters parameters(context.parameters(), kName, {"items"});
    items_ = static_cast<std::size_t>(items_of(parameters));
    parameters.throw_first();
}

void Batch::on_item(const Value& item, Emit& emit, Context&) {
    batch_.push_back(item);
    if (batch_.size() == items_) emit(std::exchange(batch_, {}));
}

void Batch::finish(Emit& emit, Context&) {
    if (!batch_.empty()) emit(std::exchange(batch_, {}));
}

}  // namespace penstock
