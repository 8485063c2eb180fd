// `batch`: makes lists of `items` items each; the last one has what is left.
#pragma once

#include <penstock/running_fold.hpp>
#include <penstock/worker.hpp>

namespace penstock {

class Batch : public RunningFoldWorker {
public:
    static constexpr std::string_view kName = "batch";
    static std::vector<std::string> check(const Document& with);
    void start(Context& context) override;
    void on_item(const Value& item, Emit& emit, Context&) override;
    void finish(Emit& emit, Context&) override;

private:
    std::size_t items_ = 0;
    List batch_;
};

}  // namespace penstock
