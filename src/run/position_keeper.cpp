#include "run/position_keeper.hpp"

#include "store/position_file.hpp"

#include <chrono>
#include <utility>

namespace penstock {

namespace {
// Streams that end sooner never have a file.
constexpr std::chrono::milliseconds kInterval{250};
}  // namespace

PositionKeeper::~PositionKeeper() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void PositionKeeper::put(std::shared_ptr<const PipelineContext> pipeline,
                         std::shared_ptr<const StreamPosition> position) {
    const std::lock_guard lock(mutex_);
    const PipelineId id = pipeline->info.id;
    waiting_[id] = {std::move(pipeline), std::move(position)};
    changed_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
}

void PositionKeeper::forget(const std::shared_ptr<const PipelineContext>& pipeline) {
    const std::lock_guard lock(mutex_);
    const PipelineId id = pipeline->info.id;
    waiting_.erase(id);
    if (written_.erase(id) == 0) return;
    waiting_[id] = {pipeline, nullptr};
    changed_.notify_one();
}

std::string PositionKeeper::take_error() {
    const std::lock_guard lock(mutex_);
    if (error_.empty() || std::exchange(error_told_, true)) return {};
    return error_;
}

void PositionKeeper::work() {
    std::unique_lock lock(mutex_);
    while (!ending_ || !waiting_.empty()) {
        changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
        changed_.wait_for(lock, kInterval, [this] { return ending_; });
        std::vector<Waiting> all;
        for (auto& [id, waiting] : waiting_) {
            if (waiting.position != nullptr) written_[id] = true;
            all.push_back(std::move(waiting));
        }
        waiting_.clear();
        lock.unlock();
        write(all);
        lock.lock();
    }
}

void PositionKeeper::write(const std::vector<Waiting>& all) {
    for (const Waiting& one : all) try {
            if (one.position != nullptr) write_position(run_directory_, incarnation_, *one.pipeline, *one.position);
            else remove_position(run_directory_, *one.pipeline);
        } catch (const std::exception& problem) {
            const std::lock_guard lock(mutex_);
            if (error_.empty()) error_ = problem.what();
        }
}

}  // namespace penstock
