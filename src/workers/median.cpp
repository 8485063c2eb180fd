#include "workers/median.hpp"

#include "workers/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace penstock {

Document Median::process(const Document& in, Context&) {
    std::vector<double> numbers = all_numbers(at(in, "values"));
    if (numbers.empty()) no_numbers("median");
    // A NaN has no place in an order.
    if (std::any_of(numbers.begin(), numbers.end(), [](double v) { return std::isnan(v); }))
        return {{"median", std::nan("")}};
    const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    std::nth_element(numbers.begin(), middle, numbers.end());
    if (numbers.size() % 2 == 1) return {{"median", *middle}};
    return {{"median", std::midpoint(*std::max_element(numbers.begin(), middle), *middle)}};
}

}  // namespace penstock
