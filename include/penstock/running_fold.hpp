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
// It has one worker, sees every item in order, and its state is lost with its process: the stream fails then.
//
// It may also ask to be woken although no item comes: a batch that is not full, but old.
#pragma once

#include <penstock/stream.hpp>

#include <optional>

namespace penstock {

class RunningFoldWorker : public FoldWorker {
public:
    virtual void on_item(const Value& item, Emit& emit, Context& context) = 0;
    // What is left at the end of the input.
    void finish(Emit&, Context&) override {}

    // Asked whenever the items at hand are done with: on_wake() is to be called in so many seconds (a little later when
    // the stages behind it are behind); nothing = not. What was asked before counts no more.
    virtual std::optional<double> wake_after_s() { return std::nullopt; }
    virtual void on_wake(Emit&, Context&) {}

    static constexpr bool kRuns = true;
    void on_item(const Value&, Context&) final {}  // never called
};

}  // namespace penstock
