// `Count`: how many there are in `values`, as `count`: elements of arrays, and everything in lists and lists within
// them, whatever its type; null does not count.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Count : public Worker {
public:
    static constexpr std::string_view kName = "Count";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"count"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
