// A writer without a disk: what is added becomes durable some time later, all of it or a first part, in order.
#pragma once

#include "sim/world.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace penstock::sim {

class SimWriter {
public:
    // `writer`: rank of the broker, or World::kRouterWriter. `wake`: something is durable.
    SimWriter(World& world, std::uint32_t writer, std::function<void()> wake)
        : world_(world), writer_(writer), wake_(std::move(wake)) {}

    void add(const JobRef& job, bool succeeded, bool final_attempt = true) {
        ++added_;
        world_.tell([&](Checker& c) { c.recorded(job, writer_, added_, final_attempt); });
        if (succeeded && world_.random().chance(world_.scenario().refusing)) refused_.push_back({added_, job});
        if (!syncing_) sync_after(world_.random().time(1000, 200'000'000));
    }
    void flush_soon() {
        if (added_ != synced_ && !flushing_) sync_after(1000);
        flushing_ = added_ != synced_;
    }
    void stop() {
        if (!broken_) reach(added_);
    }
    void break_down() {
        broken_ = true;
        wake_();
    }

    std::uint64_t durable() const { return world_.scenario().fault == Fault::early_durable ? added_ : synced_; }
    std::uint64_t added() const { return added_; }
    bool full() const { return added_ - synced_ >= world_.scenario().writer_limit; }
    bool broken() const { return broken_; }

    struct Refused {
        std::uint64_t record = 0;
        JobRef job;
    };
    // Records that were written but whose values were not, up to what is durable.
    std::vector<Refused> take_refused() {
        std::vector<Refused> taken;
        while (!refused_.empty() && refused_.front().record <= synced_) {
            taken.push_back(refused_.front());
            refused_.erase(refused_.begin());
        }
        return taken;
    }

private:
    void sync_after(Nanoseconds delay) {
        syncing_ = true;
        world_.after(delay, [this] {
            const std::uint64_t target = added_;
            world_.after(world_.random().time(1000, world_.scenario().longest_sync), [this, target] {
                if (broken_) return;
                reach(target);
                syncing_ = flushing_ = false;
                if (synced_ != added_) sync_after(world_.random().time(1000, 200'000'000));
            });
        });
    }
    void reach(std::uint64_t target) {
        if (target <= synced_) return;
        world_.tell([&](Checker& c) { c.synced(writer_, target); });
        synced_ = target;
        wake_();
    }

    World& world_;
    std::uint32_t writer_;
    std::function<void()> wake_;
    std::uint64_t added_ = 0, synced_ = 0;
    bool syncing_ = false, flushing_ = false, broken_ = false;
    std::vector<Refused> refused_;
};

}  // namespace penstock::sim
