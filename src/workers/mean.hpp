// `Mean`: the arithmetic `mean` of the numbers in `values` (numbers.hpp), a float64.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Mean : public Worker {
public:
    static constexpr std::string_view kName = "Mean";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"mean"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
