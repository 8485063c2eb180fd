#include "workers/minimum.hpp"

#include "workers/numbers.hpp"

#include <algorithm>
#include <cmath>

namespace penstock {

Document Minimum::process(const Document& in, Context&) {
    const NumberSummary numbers = summarize(at(in, "values"));
    if (numbers.count == 0) no_numbers("minimum");
    return {{"minimum", result(numbers)}};
}

Value Minimum::result(const NumberSummary& numbers) const {
    if (numbers.all_integers()) return narrow(numbers.integer_minimum, "minimum");
    if (numbers.reals == numbers.count || std::isnan(numbers.real_minimum)) return numbers.real_minimum;
    return std::min(static_cast<double>(numbers.integer_minimum), numbers.real_minimum);
}

}  // namespace penstock
