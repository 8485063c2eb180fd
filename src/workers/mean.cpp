#include "workers/mean.hpp"

#include "workers/numbers.hpp"

namespace penstock {

Document Mean::process(const Document& in, Context&) {
    const NumberSummary numbers = summarize(at(in, "values"));
    if (numbers.count == 0) no_numbers("mean");
    return {{"mean", result(numbers)}};
}

Value Mean::result(const NumberSummary& numbers) const { return numbers.sum() / static_cast<double>(numbers.count); }

}  // namespace penstock
