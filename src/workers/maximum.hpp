// `Maximum`: the largest number in `values` (numbers.hpp) as `maximum`: int64 when all are integers, else float64; NaN
// when one of them is.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Maximum : public Worker {
public:
    static constexpr std::string_view kName = "Maximum";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"maximum"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
