// `blocks`: a source of the bytes of `file`, `size` at a time; the last block may be shorter. A relative path is one
// from the folder of the definition. Several workers read a part of the file each, and their parts follow one another.
//
// What is no regular file (a pipe) is read to its end, by one worker. A file that changes its length while several
// workers read it is an error: no part of it is left out, or read twice.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Blocks : public SourceWorker {
public:
    static constexpr std::string_view kName = "blocks";
    static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // of a block

    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
