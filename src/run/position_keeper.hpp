// Writes down how far streams have come, so that a later launch can go on (store/position_file.hpp), on a thread of its
// own. Of each stream the last position counts: it is written at most once in kInterval.
//
// Threads: begin(), put() and end() are the pump's. Bounds: one position a stream that goes on.
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

    // A stream that may go on begins. `identity`: stream_identity(), from before it began. Not `goes_on`: what an
    // earlier launch has left of it does not count any more.
    void begin(const std::shared_ptr<const PipelineContext>& pipeline, std::uint64_t identity, bool goes_on);
    void put(std::shared_ptr<const PipelineContext> pipeline, std::shared_ptr<const StreamPosition> position);
    // The stream has ended. `well`: nobody will go on with it.
    void end(const std::shared_ptr<const PipelineContext>& pipeline, bool well);
    // Why positions could not be written; said once, "" = they could.
    std::string take_error();

private:
    struct Waiting {
        std::shared_ptr<const PipelineContext> pipeline;
        std::shared_ptr<const StreamPosition> position;  // null: its file goes
        std::uint64_t identity = 0;
    };
    struct Stream {
        std::uint64_t identity = 0;
        bool may_have_file = false;
    };
    void remove_file(const std::shared_ptr<const PipelineContext>& pipeline);
    void wake();
    void work();
    void write(const std::vector<Waiting>& all);

    const std::filesystem::path run_directory_;
    const std::uint32_t incarnation_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<PipelineId, Waiting> waiting_;
    std::map<PipelineId, Stream> streams_;  // that have begun
    bool ending_ = false;
    std::string error_;
    bool error_told_ = false;
    std::thread thread_;  // from the first position on
};

}  // namespace penstock
