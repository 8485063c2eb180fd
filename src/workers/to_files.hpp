// `to-files`: writes each item to a file of its own in the folder `directory`, and makes the path of that file. An item
// that is a map with the keys `name` (of a file, without folders) and `content` says so itself; any other is the
// content of the next of item-00000000, item-00000001, ... with `suffix` ("") behind it. Content that is a string or
// bytes is written as it is, all else as JSON. A file appears complete, in place of what had its name: of two items
// with one name the later one stays. A relative path is one from the folder of the definition; folders are made.
#pragma once

#include <penstock/running_fold.hpp>
#include <penstock/worker.hpp>

#include <cstdint>
#include <filesystem>

namespace penstock {

class ToFiles : public RunningFoldWorker {
public:
    static constexpr std::string_view kName = "to-files";
    static std::vector<std::string> check(const Document& with);
    void start(Context& context) override;
    void on_item(const Value& item, Emit& emit, Context&) override;
    Value snapshot(Context&) override { return static_cast<std::int64_t>(next_); }
    void restore(const Value& state, Context&) override { next_ = static_cast<std::uint64_t>(state.int64()); }

private:
    std::filesystem::path directory_;
    std::string suffix_;
    std::uint64_t next_ = 0;
};

}  // namespace penstock
