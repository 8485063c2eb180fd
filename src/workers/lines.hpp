// `lines`: a source of the lines of the text file `file`, each a string without its line end. A relative path is one
// from the folder of the definition. Several workers read a part of the file each, and their parts follow one another.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Lines : public SourceWorker {
public:
    static constexpr std::string_view kName = "lines";
    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
