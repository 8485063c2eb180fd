// Map: bytes to {packed, size}: a whole bzip2 stream of them, and how many they were. Such streams one after another
// are a valid .bz2 file. `level` is that of bzip2, 1 to 9 (9).
#pragma once

#include <penstock/stream.hpp>
#include <penstock/worker.hpp>

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
    int level_ = 9;
};

}  // namespace compress
