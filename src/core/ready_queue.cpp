#include "core/ready_queue.hpp"

#include <algorithm>

namespace penstock {

void ReadyQueue::push(const ReadyRun& run) {
    std::deque<ReadyRun>& queue = run.holder == 0xffffffff ? anywhere_ : preferring_[run.holder];
    jobs_ += run.jobs.count;
    if (!queue.empty()) {
        ReadyRun& last = queue.back();
        if (last.jobs.pipeline == run.jobs.pipeline && last.job == run.job && last.attempt == run.attempt &&
            last.located == run.located && last.past == run.past &&
            last.jobs.first.value + last.jobs.count == run.jobs.first.value) {
            last.jobs.count += run.jobs.count;
            return;
        }
    }
    queue.push_back(run);
}

void ReadyQueue::push_first(const ReadyRun& run) {
    (run.holder == 0xffffffff ? anywhere_ : preferring_[run.holder]).push_front(run);
    jobs_ += run.jobs.count;
}

std::deque<ReadyRun>* ReadyQueue::queue_for(std::uint32_t broker) {
    if (const auto own = preferring_.find(broker); own != preferring_.end()) return &own->second;
    if (!anywhere_.empty()) return &anywhere_;
    return preferring_.empty() ? nullptr : &preferring_.begin()->second;
}

const ReadyRun* ReadyQueue::next_for(std::uint32_t broker) {
    const std::deque<ReadyRun>* queue = queue_for(broker);
    return queue == nullptr ? nullptr : &queue->front();
}

std::vector<ReadyRun> ReadyQueue::take_all_of(PipelineId pipeline) {
    std::vector<ReadyRun> taken;
    const auto take_from = [&](std::deque<ReadyRun>& queue) {
        std::erase_if(queue, [&](const ReadyRun& run) {
            if (run.jobs.pipeline != pipeline) return false;
            jobs_ -= run.jobs.count;
            taken.push_back(run);
            return true;
        });
    };
    take_from(anywhere_);
    for (auto& [broker, queue] : preferring_) take_from(queue);
    std::erase_if(preferring_, [](const auto& entry) { return entry.second.empty(); });
    return taken;
}

ReadyRun ReadyQueue::take(std::uint32_t broker, std::uint32_t count) {
    std::deque<ReadyRun>& queue = *queue_for(broker);
    ReadyRun& front = queue.front();
    ReadyRun taken = front;
    taken.jobs.count = std::min(count, front.jobs.count);
    jobs_ -= taken.jobs.count;
    front.jobs.first.value += taken.jobs.count;
    front.jobs.count -= taken.jobs.count;
    if (front.jobs.count == 0) {
        const std::uint32_t holder = taken.holder;
        queue.pop_front();
        if (queue.empty() && &queue != &anywhere_) preferring_.erase(holder);
    }
    return taken;
}

}  // namespace penstock
