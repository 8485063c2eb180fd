#include "workers/maximum.hpp"

#include "workers/numbers.hpp"

#include <algorithm>
#include <cmath>

namespace penstock {

Document Maximum::process(const Document& in, Context&) {
    const NumberSummary numbers = summarize(at(in, "values"));
    if (numbers.count == 0) no_numbers("maximum");
    return {{"maximum", result(numbers)}};
}

Value Maximum::result(const NumberSummary& numbers) const {
    if (numbers.all_integers()) return narrow(numbers.integer_maximum, "maximum");
    if (numbers.reals == numbers.count || std::isnan(numbers.real_maximum)) return numbers.real_maximum;
    return std::max(static_cast<double>(numbers.integer_maximum), numbers.real_maximum);
}

}  // namespace penstock
