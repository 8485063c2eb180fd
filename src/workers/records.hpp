// `records`: a source of the values in the file `file`, which has one of JSON in each line; empty lines are none. A
// relative path is one from the folder of the definition. Several workers read a part of the file each, and their parts
// follow one another.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Records : public SourceWorker {
public:
    static constexpr std::string_view kName = "records";
    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
