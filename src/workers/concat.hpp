// `Concat`: one list `values` of what the list `values` holds: lists in it are opened (once), arrays stand for their
// elements in order, everything else stays as it is. When all of them are arrays that differ in their first extent at
// most, the result is one array, joined along that dimension.
//
// As the stage of a stream it makes one item at the end: of all items what is made of `values`. It keeps all of them
// until then, so they must fit the memory. It has one worker: several would mix their order.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Concat : public Worker, public FoldWorker {
public:
    static constexpr std::string_view kName = "Concat";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"values"}; }
    Document process(const Document& in, Context&) override;
    void on_item(const Value& item, Context&) override { items_.push_back(item); }
    void finish(Emit& emit, Context&) override;
    Value snapshot(Context&) override { return items_; }
    void restore(const Value& state, Context&) override { items_ = state.list(); }

private:
    List items_;
};

}  // namespace penstock
