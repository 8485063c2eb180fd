#include "workers/batch.hpp"

#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace penstock {

namespace {

constexpr std::int64_t kMostItems = 1'000'000;
constexpr double kLeastSeconds = 0.001;
constexpr double kMostSeconds = 1e6;

struct Bounds {
    std::size_t items = kMostItems;
    double seconds = 0;
};

Bounds bounds_of(Parameters& parameters, const Document& with) {
    Bounds bounds;
    const bool timed = with.contains("seconds");
    const auto items = parameters.integer("items", "how many items make one list", !timed);
    if (items && (*items < 1 || *items > kMostItems))
        parameters.problem(fmt::format("`items` is {}; it must be 1 to {}", *items, kMostItems));
    else if (items)
        bounds.items = static_cast<std::size_t>(*items);
    const auto seconds = parameters.number("seconds", "how long a list waits for items, in seconds", false);
    if (seconds && !(*seconds >= kLeastSeconds && *seconds <= kMostSeconds))
        parameters.problem(fmt::format("`seconds` is {}; it must be {} to {}", *seconds, kLeastSeconds, kMostSeconds));
    else if (seconds)
        bounds.seconds = *seconds;
    return bounds;
}

}  // namespace

std::vector<std::string> Batch::check(const Document& with) {
    Parameters parameters(with, kName, {"items", "seconds"});
    bounds_of(parameters, with);
    return std::move(parameters).problems();
}

void Batch::start(Context& context) {
    Parameters parameters(context.parameters(), kName, {"items", "seconds"});
    const Bounds bounds = bounds_of(parameters, context.parameters());
    parameters.throw_first();
    items_ = bounds.items;
    seconds_ = bounds.seconds;
}

void Batch::on_item(const Value& item, Emit& emit, Context&) {
    if (batch_.empty()) begun_ = std::chrono::steady_clock::now();
    batch_.push_back(item);
    if (batch_.size() == items_ || (seconds_ > 0 && left_s() <= 0)) emit(std::exchange(batch_, {}));
}

double Batch::left_s() const {
    return seconds_ - std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

std::optional<double> Batch::wake_after_s() {
    if (seconds_ <= 0 || batch_.empty()) return std::nullopt;
    return std::max(0.0, left_s());
}

void Batch::on_wake(Emit& emit, Context&) {
    if (!batch_.empty() && left_s() <= 0) emit(std::exchange(batch_, {}));
}

void Batch::finish(Emit& emit, Context&) {
    if (!batch_.empty()) emit(std::exchange(batch_, {}));
}

Value Batch::snapshot(Context&) { return batch_; }

void Batch::restore(const Value& state, Context&) {
    batch_ = state.list();
    begun_ = std::chrono::steady_clock::now();
}

}  // namespace penstock
