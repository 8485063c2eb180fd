#include "workers/sum.hpp"

#include "workers/numbers.hpp"

namespace penstock {

Document Sum::process(const Document& in, Context&) {
    const NumberSummary numbers = summarize(at(in, "values"));
    if (numbers.all_integers()) return {{"sum", narrow(numbers.integer_sum, "sum")}};
    return {{"sum", numbers.sum()}};
}

}  // namespace penstock
