// A writer of rows: what is added becomes durable some time later, all of it or a first part, in order: a segment on
// the disk. Segments are merged now and then.
#pragma once

#include "sim/world.hpp"

#include <cstdint>
#include <deque>
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

    void add(Disk::Row row) {
        ++added_;
        const JobRef job = row.job;
        const bool succeeded = row.state == JobState::succeeded;
        row.launch = world_.scenario().launch;
        world_.tell_of(job.pipeline, [&](Checker& c) { c.recorded(job, writer_, added_, row.final()); });
        rows_.push_back(row);
        if (succeeded && world_.random().chance(world_.scenario().refusing)) refused_.push_back({added_, job});
        if (!syncing_) sync_after(world_.random().time(1000, 200'000'000));
    }
    // Durable when a row that is added later is.
    void add(Disk::Items items) {
        items.launch = world_.scenario().launch;
        items_.push_back({added_, std::move(items)});
        ++items_added_;
        if (!syncing_) sync_after(world_.random().time(1000, 200'000'000));
    }
    void flush_soon() {
        if (any_unsynced() && !flushing_) sync_after(1000);
        flushing_ = any_unsynced();
    }
    void stop() {
        if (broken_) return;
        reach_items(items_added_);
        reach(added_);
    }
    // Of what was not synced a part may have got to the disk; the rest is lost, or comes late.
    void kill() {
        Random& random = world_.random();
        if (broken_ || std::exchange(killed_, true) || rows_.empty() || world_.disk().is_fenced(me())) return;
        const std::size_t on_disk = random.chance(0.5) ? random.below(rows_.size() + 1) : 0;
        const auto cut = rows_.begin() + static_cast<std::ptrdiff_t>(on_disk);
        const auto reached = synced_ + on_disk;
        world_.tell([&](Checker& c) { c.synced(writer_, reached); });
        std::vector<Disk::Items> items;
        for (auto& [row, one] : items_)
            if (row < reached && on_disk != 0) items.push_back(std::move(one));
        world_.disk().add(me(), std::move(items));
        world_.disk().add(me(), std::vector<Disk::Row>{rows_.begin(), cut});
        if (random.chance(0.5)) world_.disk().late(me(), {cut, rows_.end()});
    }
    void break_down() {
        broken_ = true;
        wake_();
    }

    std::uint64_t durable() const { return world_.scenario().fault == Fault::early_durable ? added_ : synced_; }
    std::uint64_t added() const { return added_; }
    std::uint64_t items_added() const { return items_added_; }
    std::uint64_t items_durable() const {
        return world_.scenario().fault == Fault::early_items ? items_added_ : items_synced_;
    }
    bool full() const { return added_ - synced_ + items_added_ - items_synced_ >= world_.scenario().writer_limit; }
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
            const std::uint64_t target = next_sync(), items_target = items_added_;
            world_.after(world_.random().time(1000, world_.scenario().longest_sync), [this, target, items_target] {
                if (broken_ || killed_) return;
                reach_items(items_target);
                reach(target);
                syncing_ = flushing_ = false;
                if (any_unsynced()) sync_after(world_.random().time(1000, 200'000'000));
            });
        });
    }
    // Of records that are added together a part may be taken up first.
    std::uint64_t next_sync() {
        const std::uint64_t waiting = added_ - synced_;
        return waiting < 2 || world_.random().chance(0.7) ? added_ : synced_ + 1 + world_.random().below(waiting - 1);
    }
    bool any_unsynced() const { return added_ != synced_ || items_added_ != items_synced_; }
    void reach_items(std::uint64_t target) {
        std::vector<Disk::Items> synced;
        for (; items_synced_ < target; ++items_synced_) {
            synced.push_back(std::move(items_.front().second));
            items_.pop_front();
        }
        if (synced.empty()) return;
        world_.disk().add(me(), std::move(synced));
        wake_();
    }
    void reach(std::uint64_t target) {
        if (target <= synced_) return;
        if (!world_.disk().is_fenced(me())) world_.tell([&](Checker& c) { c.synced(writer_, target); });
        const auto end = rows_.begin() + static_cast<std::ptrdiff_t>(target - synced_);
        segments_.push_back(world_.disk().add(me(), std::vector<Disk::Row>{rows_.begin(), end}));
        rows_.erase(rows_.begin(), end);
        synced_ = target;
        if (segments_.size() >= kMergeFanIn && !merging_) merge();
        wake_();
    }

    Disk::Writer me() const { return {world_.scenario().launch, writer_}; }
    // The merged segment is on the disk before what it was made of goes.
    void merge() {
        merging_ = true;
        const bool early = world_.scenario().fault == Fault::merge_early;
        auto write = [this, inputs = segments_] {
            if (killed_ || world_.disk().is_fenced(me())) return;
            std::vector<Disk::Row> all;
            for (const Disk::Segment segment : inputs) {
                const auto& rows = merged_.empty() ? world_.disk().rows(segment) : merged_;
                all.insert(all.end(), rows.begin(), rows.end());
                if (!merged_.empty()) break;
            }
            segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(inputs.size()));
            segments_.push_back(world_.disk().add(me(), std::move(all)));
            merged_.clear();
        };
        auto remove = [this, inputs = segments_, early] {
            if (killed_ || world_.disk().is_fenced(me())) return;
            for (const Disk::Segment segment : inputs) {
                if (early)
                    merged_.insert(merged_.end(), world_.disk().rows(segment).begin(),
                                   world_.disk().rows(segment).end());
                world_.disk().remove(segment);
            }
        };
        const auto some_time = [this] { return static_cast<Nanoseconds>(1000 + world_.random().real() * 1e8); };
        const Nanoseconds first = some_time(), second = some_time();
        world_.after(first, [early, write, remove] { early ? remove() : write(); });
        world_.after(first + second, [this, early, write, remove] {
            early ? write() : remove();
            merging_ = false;
        });
    }

    static constexpr std::size_t kMergeFanIn = 3;

    World& world_;
    std::uint32_t writer_;
    std::function<void()> wake_;
    std::vector<Disk::Row> rows_;  // not synced
    std::vector<Disk::Segment> segments_;
    std::vector<Disk::Row> merged_;  // by a fault nowhere but in memory
    bool merging_ = false;
    std::uint64_t added_ = 0, synced_ = 0;
    std::deque<std::pair<std::uint64_t, Disk::Items>> items_;  // not synced, with the rows before them
    std::uint64_t items_added_ = 0, items_synced_ = 0;
    bool syncing_ = false, flushing_ = false, broken_ = false, killed_ = false;
    std::vector<Refused> refused_;
};

}  // namespace penstock::sim
