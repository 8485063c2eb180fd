// `Minimum`: the smallest number in `values` (numbers.hpp) as `minimum`: int64 when all are integers, else float64; NaN
// when one of them is.
// As the stage of a stream it makes one item at the end: this number of all items.
#pragma once

#include "workers/number_fold.hpp"

namespace penstock {

class Minimum : public Worker, public NumberFold {
public:
    static constexpr std::string_view kName = "Minimum";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"minimum"}; }
    Minimum() : NumberFold(kName) {}
    Document process(const Document& in, Context&) override;

private:
    Value result(const NumberSummary& numbers) const override;
};

}  // namespace penstock
