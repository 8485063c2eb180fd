// `Sum`: the `sum` of the numbers in `values` (numbers.hpp): an exact int64 when all are integers, else float64.
// Nothing adds up to 0.
// As the stage of a stream it makes one item at the end: this number of all items.
#pragma once

#include "workers/number_fold.hpp"

namespace penstock {

class Sum : public Worker, public NumberFold {
public:
    static constexpr std::string_view kName = "Sum";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"sum"}; }
    Sum() : NumberFold(kName, OfNothing::makes_it) {}
    Document process(const Document& in, Context&) override;

private:
    Value result(const NumberSummary& numbers) const override;
};

}  // namespace penstock
