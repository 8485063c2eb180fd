// `files`: a source of the paths of the files that match `glob` (with *, ? and [...], as in a shell), in the order of
// their bytes. A relative pattern is one from the folder of the definition. That there is none is an error unless
// `may-be-empty: true`. Several workers make a part of the list each, and their parts follow one another.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Files : public SourceWorker {
public:
    static constexpr std::string_view kName = "files";
    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
