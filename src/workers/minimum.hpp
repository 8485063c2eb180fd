// `Minimum`: the smallest number in `values` (numbers.hpp) as `minimum`: int64 when all are integers, else float64; NaN
// when one of them is.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Minimum : public Worker {
public:
    static constexpr std::string_view kName = "Minimum";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"minimum"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
