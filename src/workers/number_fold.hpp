// The folds over numbers as stages of a stream: each item is a number, an array or a list of them.
#pragma once

#include "workers/numbers.hpp"

#include <penstock/worker.hpp>

#include <string_view>

namespace penstock {

class NumberFold : public FoldWorker {
public:
    void on_item(const Value& item, Context&) final;
    void finish(Emit& emit, Context&) final;
    Value snapshot(Context&) final { return numbers_.state(); }
    void restore(const Value& state, Context&) final { numbers_ = NumberSummarizer::from_state(state); }
    void combine(const Value& state, Context&) final { numbers_.add(NumberSummarizer::from_state(state)); }

protected:
    enum class OfNothing { fails, makes_it };
    // `name`: of the fold.
    explicit NumberFold(std::string_view name, OfNothing of_nothing = OfNothing::fails)
        : name_(name), of_nothing_(of_nothing) {}
    virtual Value result(const NumberSummary& numbers) const = 0;

private:
    std::string_view name_;
    OfNothing of_nothing_;
    NumberSummarizer numbers_;
};

}  // namespace penstock
