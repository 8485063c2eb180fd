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

void PositionKeeper::begin(const std::shared_ptr<const PipelineContext>& pipeline, std::uint64_t identity,
                           bool goes_on) {
    const std::lock_guard lock(mutex_);
    Stream& stream = streams_[pipeline->info.id];
    const bool may_have_file = stream.may_have_file || incarnation_ > 1;
    stream = {identity, may_have_file};  // until it ends: that the file goes may still wait then
    if (may_have_file && !goes_on) remove_file(pipeline);
}

void PositionKeeper::put(std::shared_ptr<const PipelineContext> pipeline,
                         std::shared_ptr<const StreamPosition> position) {
    const std::lock_guard lock(mutex_);
    const PipelineId id = pipeline->info.id;
    waiting_[id] = {std::move(pipeline), std::move(position), streams_[id].identity};
    wake();
}

void PositionKeeper::end(const std::shared_ptr<const PipelineContext>& pipeline, bool well) {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(pipeline->info.id);
    if (at == streams_.end()) return;
    const bool may_have_file = at->second.may_have_file;
    streams_.erase(at);
    if (!well) return;
    waiting_.erase(pipeline->info.id);
    if (may_have_file) remove_file(pipeline);
}

void PositionKeeper::remove_file(const std::shared_ptr<const PipelineContext>& pipeline) {
    waiting_[pipeline->info.id] = {pipeline, nullptr};
    wake();
}

void PositionKeeper::wake() {
    changed_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
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
            if (const auto at = streams_.find(id); at != streams_.end() && waiting.position != nullptr)
                at->second.may_have_file = true;
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
            if (one.position != nullptr)
                write_position(run_directory_, incarnation_, one.identity, *one.pipeline, *one.position);
            else
                remove_position(run_directory_, *one.pipeline);
        } catch (const std::exception& problem) {
            const std::lock_guard lock(mutex_);
            if (error_.empty()) error_ = problem.what();
        }
}

}  // namespace penstock
