// What a launch was told to be durable is: it is on the disk when it is told, and no later launch runs it again.
#pragma once

#include "sim/cluster.hpp"

#include <map>
#include <memory>
#include <set>
#include <utility>

namespace penstock::sim {

class KeptForGood final : public Checker {
public:
    // Jobs whose last record is durable; of all launches of a run.
    using Known = std::set<JobRef>;

    explicit KeptForGood(std::shared_ptr<Known> known) : known_(std::move(known)), before_(*known_) {}
    std::string name() const override { return "kept for good"; }

    void starts(const JobRef& job, std::uint32_t) override {
        if (before_.contains(job)) fail(text(job) + " runs again, though it was durable in an earlier launch");
    }
    void ends(const JobRef& job, std::uint32_t, bool) override { ran_.insert(job); }
    void recorded(const JobRef& job, std::uint32_t writer, std::uint64_t record, bool final_attempt) override {
        if (final_attempt && ran_.contains(job)) records_.emplace(std::pair(writer, record), job);
    }
    void synced(std::uint32_t writer, std::uint64_t up_to) override {
        synced_[writer] = up_to;
        const auto end = records_.upper_bound({writer, up_to});
        for (auto at = records_.lower_bound({writer, 0}); at != end; at = records_.erase(at))
            known_->insert(at->second);
    }
    void received(const Envelope& e) override {
        const auto* to_router = std::get_if<RouterMessage>(&e.message);
        const auto* m = to_router == nullptr ? nullptr : std::get_if<msg::Durable>(to_router);
        if (m != nullptr && m->record > synced_[e.from])
            fail("record " + std::to_string(m->record) + " of broker " + std::to_string(e.from) +
                 " is told durable, and those up to " + std::to_string(synced_[e.from]) + " are");
    }

private:
    std::shared_ptr<Known> known_;
    const Known before_;
    std::set<JobRef> ran_;                                               // in this launch
    std::map<std::pair<std::uint32_t, std::uint64_t>, JobRef> records_;  // not durable yet
    std::map<std::uint32_t, std::uint64_t> synced_;
};

}  // namespace penstock::sim
