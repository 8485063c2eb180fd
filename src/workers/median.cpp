#include "workers/median.hpp"

#include "workers/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace penstock {

namespace {

// Of one at least.
double median(std::vector<double>& numbers) {
    // A NaN has no place in an order.
    if (std::any_of(numbers.begin(), numbers.end(), [](double v) { return std::isnan(v); })) return std::nan("");
    const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    std::nth_element(numbers.begin(), middle, numbers.end());
    if (numbers.size() % 2 == 1) return *middle;
    return std::midpoint(*std::max_element(numbers.begin(), middle), *middle);
}

}  // namespace

Document Median::process(const Document& in, Context&) {
    std::vector<double> numbers = all_numbers(at(in, "values"));
    if (numbers.empty()) no_numbers("median");
    return {{"median", median(numbers)}};
}

void Median::on_item(const Value& item, Context&) {
    const std::vector<double> more = all_numbers(item, "an item");
    numbers_.insert(numbers_.end(), more.begin(), more.end());
}

void Median::finish(Emit& emit, Context&) {
    if (numbers_.empty())
        throw ValueError(
            "no numbers came, and `Median` has no result of nothing; if that may be, let `Count` tell how many "
            "there are");
    emit(median(numbers_));
}

Value Median::snapshot(Context&) { return Array::of(numbers_); }
void Median::restore(const Value& state, Context&) { numbers_ = state.array().to_doubles(); }
void Median::combine(const Value& state, Context& context) { on_item(state, context); }

}  // namespace penstock
