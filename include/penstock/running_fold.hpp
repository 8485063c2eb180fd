// A fold that makes items on the way: a batch, a window, a running mean. See stream.hpp for the other forms.
//
//     class Difference : public penstock::RunningFoldWorker {
//     public:
//         static constexpr std::string_view kName = "Difference";
//         void on_item(const penstock::Value& item, penstock::Emit& emit, penstock::Context&) override {
//             if (last_) emit(item.number() - *last_);
//             last_ = item.number();
//         }
//     ...
//
// Like any fold it has one worker, sees every item in order, and its state is lost with its process: the stream fails then.
#pragma once

#include <penstock/stream.hpp>

namespace penstock {

class RunningFoldWorker : public FoldWorker {
public:
    virtual void on_item(const Value& item, Emit& emit, Context& context) = 0;
    // What is left at the end of the input.
    void finish(Emit&, Context&) override {}

    void on_item(const Value&, Context&) final {}  // never called
};

}  // namespace penstock
