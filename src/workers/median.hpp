// `Median`: the `median` of the numbers in `values` (numbers.hpp), a float64: of an even number of them the mean of the
// two in the middle; NaN when one of them is.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Median : public Worker {
public:
    static constexpr std::string_view kName = "Median";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"median"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
