// `rows`: a source of the rows of the dataset `dataset` (a path in it) of the HDF5 file `file`; store/row_reader.hpp
// says what a row is. A relative path is one from the folder of the definition. Several workers read a part of the rows
// each, and their parts follow one another.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Rows : public SourceWorker {
public:
    static constexpr std::string_view kName = "rows";
    static std::vector<std::string> check(const Document& with);
    void generate(Emit& emit, Context& context) override;
    void skip(std::uint64_t items, Context&) override { skipped_ = items; }

private:
    std::uint64_t skipped_ = 0;  // the first items, which are there already
};

}  // namespace penstock
