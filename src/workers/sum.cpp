#include "workers/sum.hpp"

#include "workers/numbers.hpp"

namespace penstock {

Document Sum::process(const Document& in, Context&) {
    const NumberSummary numbers = summarize(at(in, "values"));
    return {{"sum", result(numbers)}};
}

Value Sum::result(const NumberSummary& numbers) const {
    if (numbers.all_integers()) return narrow(numbers.integer_sum, "sum");
    return numbers.sum();
}

}  // namespace penstock
