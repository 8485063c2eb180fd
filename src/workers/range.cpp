#include "workers/range.hpp"

#include "workers/numbers.hpp"
#include "workers/parameters.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::uint32_t kLook = 1024;  // integers between two looks whether it is cancelled

struct Bounds {
    std::int64_t start = 0;
    std::int64_t stop = 0;
    std::int64_t step = 1;

    std::uint64_t count() const {
        const WideInteger length = step > 0 ? WideInteger(stop) - start : WideInteger(start) - stop;
        const WideInteger width = step > 0 ? WideInteger(step) : -WideInteger(step);
        return length <= 0 ? 0 : static_cast<std::uint64_t>((length + width - 1) / width);
    }
};

Bounds bounds_of(Parameters& parameters) {
    Bounds bounds;
    bounds.start = parameters.integer("start", "an integer", false).value_or(0);
    bounds.stop = parameters.integer("stop", "the integer at which it ends").value_or(0);
    bounds.step = parameters.integer("step", "an integer", false).value_or(1);
    if (bounds.step == 0) parameters.problem("`step` is 0; such a range never ends");
    return bounds;
}

}  // namespace

std::vector<std::string> RangeSource::check(const Document& with) {
    Parameters parameters(with, kName, {"start", "stop", "step"});
    bounds_of(parameters);
    return std::move(parameters).problems();
}

void RangeSource::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"start", "stop", "step"});
    const Bounds bounds = bounds_of(parameters);
    parameters.throw_first();
    const WideInteger count = bounds.count();
    const auto first = static_cast<std::uint64_t>(count * context.worker() / context.workers());
    const auto end = static_cast<std::uint64_t>(count * (context.worker() + std::uint64_t{1}) / context.workers());
    for (std::uint64_t i = first + std::min(skipped_, end - first); i < end; ++i) {
        if (i % kLook == 0 && context.cancelled()) return;
        emit(static_cast<std::int64_t>(bounds.start + WideInteger(bounds.step) * i));
    }
}

}  // namespace penstock
