// `range`: a source of the integers from `start` (0) up to but without `stop`, in steps of `step` (1, or below 0 to
// count down). Several workers make a part each, and their parts follow one another.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class RangeSource : public SourceWorker {
public:
    static constexpr std::string_view kName = "range";
    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
