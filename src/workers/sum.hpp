// `Sum`: the `sum` of the numbers in `values` (numbers.hpp): an exact int64 when all are integers, else float64.
// Nothing adds up to 0.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Sum : public Worker {
public:
    static constexpr std::string_view kName = "Sum";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"sum"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
