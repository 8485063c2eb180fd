// Where the blocks of a file come from, and where the packed ones go. Items between the two stages hold a block's
// bytes.
#pragma once

#include <penstock/stream.hpp>
#include <penstock/worker.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace compress {

// Source: the regular file `file` in blocks of `block-size` bytes (900,000), the last one shorter; a file of no bytes
// is one empty block. Several workers read a part of the blocks each, and their parts follow one another. A relative
// path is one from the folder of the definition. Fails when the file changes its length meanwhile.
class ReadBlocks : public penstock::SourceWorker {
public:
    static constexpr std::string_view kName = "ReadBlocks";
    static std::vector<std::string> check(const penstock::Document& with);
    void generate(penstock::Emit& emit, penstock::Context& context) override;
};

// Fold: appends the `packed` bytes of each item {packed, size} to `file`, which has its name only when all are in it:
// until then it is FILE.part. Makes one item: {bytes-in, bytes-out}.
class WriteBlocks : public penstock::FoldWorker {
public:
    static constexpr std::string_view kName = "WriteBlocks";
    static std::vector<std::string> check(const penstock::Document& with);
    ~WriteBlocks() override;
    void start(penstock::Context& context) override;
    void on_item(const penstock::Value& item, penstock::Context& context) override;
    void finish(penstock::Emit& emit, penstock::Context& context) override;

private:
    [[noreturn]] void fail() const;

    std::filesystem::path path_;
    std::filesystem::path part_;  // empty when there is none
    std::ofstream out_;
    std::int64_t bytes_in_ = 0;
    std::int64_t bytes_out_ = 0;
};

}  // namespace compress
