// Outcomes on their way from a lane to the pump: one writer at a time, one reader, no locks.
//
// Bounds: as many outcomes as the broker gave tickets and has not drained.
#pragma once

#include "exec/task.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace penstock {

class OutcomeQueue {
public:
    OutcomeQueue() : read_(new Block), written_(read_) {}
    ~OutcomeQueue() {
        while (read_ != nullptr) delete std::exchange(read_, read_->next.load(std::memory_order_relaxed));
    }
    OutcomeQueue(const OutcomeQueue&) = delete;
    OutcomeQueue& operator=(const OutcomeQueue&) = delete;

    // The writer's.
    void push(Outcome outcome) {
        if (write_at_ == kBlock) {
            auto* fresh = new Block;
            written_->next.store(fresh, std::memory_order_release);
            written_ = fresh;
            write_at_ = 0;
        }
        written_->outcomes[write_at_] = std::move(outcome);
        written_->filled.store(++write_at_, std::memory_order_release);
    }

    // The reader's: everything pushed so far, appended.
    bool drain(std::vector<Outcome>& out) {
        bool any = false;
        for (;;) {
            const std::size_t filled = read_->filled.load(std::memory_order_acquire);
            any |= read_at_ < filled;
            while (read_at_ < filled) out.push_back(std::move(read_->outcomes[read_at_++]));
            if (read_at_ < kBlock) return any;
            Block* next = read_->next.load(std::memory_order_acquire);
            if (next == nullptr) return any;
            delete std::exchange(read_, next);
            read_at_ = 0;
        }
    }

private:
    static constexpr std::size_t kBlock = 64;
    struct Block {
        std::array<Outcome, kBlock> outcomes;
        std::atomic<std::size_t> filled{0};
        std::atomic<Block*> next{nullptr};
    };

    alignas(64) Block* read_;
    std::size_t read_at_ = 0;
    alignas(64) Block* written_;
    std::size_t write_at_ = 0;
};

}  // namespace penstock
