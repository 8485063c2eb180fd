// `Concat`: one list `values` of what the list `values` holds: lists in it are opened (once), arrays stand for their
// elements in order, everything else stays as it is. When all of them are arrays that differ in their first extent at
// most, the result is one array, joined along that dimension.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Concat : public Worker {
public:
    static constexpr std::string_view kName = "Concat";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"values"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
