// `count`, a stage: it makes one item at the end, how many items there were, whatever they are.
// `Count`, a job: how many there are in `values`, as `count`: elements of arrays, and everything in lists and lists
// within them, whatever its type; null does not count. As a stage it is `count`.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class CountItems : public FoldWorker {
public:
    static constexpr std::string_view kName = "count";
    void on_item(const Value&, Context&) override { ++items_; }
    void finish(Emit& emit, Context&) override { emit(items_); }
    Value snapshot(Context&) override { return items_; }
    void restore(const Value& state, Context&) override { items_ = state.int64(); }
    void combine(const Value& state, Context&) override { items_ += state.int64(); }

private:
    std::int64_t items_ = 0;
};

class Count : public Worker, public CountItems {
public:
    static constexpr std::string_view kName = "Count";
    static Keys needs() { return {"values"}; }
    static Keys makes() { return {"count"}; }
    Document process(const Document& in, Context&) override;
};

}  // namespace penstock
