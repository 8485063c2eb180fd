// Map: bytes to {packed, size}: a whole bzip2 stream of them, and how many they were. Such streams one after another
// are a valid .bz2 file. `level` is that of bzip2, 1 to 9 (9).
#pragma once

#include <penstock/stream.hpp>
#include <penstock/worker.hpp>

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace compress {

class Bzip2 : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "Bzip2";
    static std::vector<std::string> check(const penstock::Document& with);
    void start(penstock::Context& context) override;
    std::optional<penstock::Value> on_item(const penstock::Value& item, penstock::Context& context) override;

private:
    std::size_t pack(const penstock::Bytes& bytes);  // into packed_; how many bytes they are now

    int level_ = 9;
    penstock::Bytes packed_;
    // What libbz2 works in, the same pages for each block: `-9` needs 7.6 MB (bzip2's manual, "Memory management"),
    // which come from the system as 1,850 new pages each time otherwise.
    std::vector<std::byte> memory_ = std::vector<std::byte>(8 << 20);
    std::pmr::monotonic_buffer_resource scratch_{memory_.data(), memory_.size()};
};

}  // namespace compress
