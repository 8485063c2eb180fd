// `batch`: makes lists of `items` items each; the last one has what is left. With `seconds` a list that is not full is
// passed on too, that long after its first item has come.
#pragma once

#include <penstock/running_fold.hpp>
#include <penstock/worker.hpp>

#include <chrono>

namespace penstock {

class Batch : public RunningFoldWorker {
public:
    static constexpr std::string_view kName = "batch";
    static std::vector<std::string> check(const Document& with);
    void start(Context& context) override;
    void on_item(const Value& item, Emit& emit, Context&) override;
    std::optional<double> wake_after_s() override;
    void on_wake(Emit& emit, Context&) override;
    void finish(Emit& emit, Context&) override;
    Value snapshot(Context&) override;
    void restore(const Value& state, Context&) override;  // its seconds begin anew

private:
    double left_s() const;

    std::size_t items_ = 0;
    double seconds_ = 0;  // 0 = as long as it takes
    List batch_;
    std::chrono::steady_clock::time_point begun_;
};

}  // namespace penstock
