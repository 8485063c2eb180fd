// `Median`: the `median` of the numbers in `values` (numbers.hpp), a float64: of an even number of them the mean of the
// two in the middle; NaN when one of them is.
// As the stage of a stream it makes one item at the end: this number of all items, each a number, an array or a list of
// them. All of them are kept until then, 8 bytes each.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Median : public Worker, public FoldWorker {
public:
    static constexpr std::string_view kName = "Median";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"median"}; }
    Document process(const Document& in, Context&) override;
    void on_item(const Value& item, Context&) override;
    void finish(Emit& emit, Context&) override;
    Value snapshot(Context&) override;
    void restore(const Value& state, Context&) override;
    void combine(const Value& state, Context&) override;

private:
    std::vector<double> numbers_;
};

}  // namespace penstock
