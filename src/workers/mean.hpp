// `Mean`: the arithmetic `mean` of the numbers in `values` (numbers.hpp), a float64.
// As the stage of a stream it makes one item at the end: this number of all items.
#pragma once

#include "workers/number_fold.hpp"

namespace penstock {

class Mean : public Worker, public NumberFold {
public:
    static constexpr std::string_view kName = "Mean";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"mean"}; }
    Mean() : NumberFold(kName) {}
    Document process(const Document& in, Context&) override;

private:
    Value result(const NumberSummary& numbers) const override;
};

}  // namespace penstock
