// Writes down how far streams have come, so that a later launch can go on (store/position_file.hpp), on a thread of its
// own. Of each stream the last position counts: it is written at most once in kInterval.
//
// Threads: put() and forget() are the pump's. Bounds: one position a stream that goes on.
#pragma once

#include "core/stream_position.hpp"
#include "exec/task.hpp"

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

class PositionKeeper {
public:
    PositionKeeper(std::filesystem::path run_directory, std::uint32_t incarnation)
        : run_directory_(std::move(run_directory)), incarnation_(incarnation) {}
    ~PositionKeeper();  // writes what waits

    void put(std::shared_ptr<const PipelineContext> pipeline, std::shared_ptr<const StreamPosition> position);
    // The stream has ended, and nobody will go on with it.
    void forget(const std::shared_ptr<const PipelineContext>& pipeline);
    // Why positions could not be written; said once, "" = they could.
    std::string take_error();

private:
    struct Waiting {
        std::shared_ptr<const PipelineContext> pipeline;
        std::shared_ptr<const StreamPosition> position;  // null: its file goes
    };
    void work();
    void write(const std::vector<Waiting>& all);

    const std::filesystem::path run_directory_;
    const std::uint32_t incarnation_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<PipelineId, Waiting> waiting_;
    std::map<PipelineId, bool> written_;  // those that have a file
    bool ending_ = false;
    std::string error_;
    bool error_told_ = false;
    std::thread thread_;  // from the first position on
};

}  // namespace penstock
