#include "exec/lanes.hpp"

#include "exec/attempt_watch.hpp"
#include "exec/lane.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace penstock {

namespace {

constexpr std::int64_t kGraceNanoseconds = 1'000'000'000;
constexpr std::size_t kMaxTemplates = 4096;  // remembered; then all are made anew when they are next seen

// A lane and its worker process or command need some descriptors; the usual limit of 1024 is one that may be raised.
void allow_descriptors(std::uint32_t lanes) {
    constexpr rlim_t kOfALane = 12;
    constexpr rlim_t kOthers = 512;
    rlimit limit{};
    const rlim_t wanted = kOfALane * lanes + kOthers;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

class LanesOfBroker final : public Lanes {
public:
    LanesOfBroker(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, LaneOptions options)
        : world_(std::make_shared<LaneWorld>(types, std::move(zygote), std::move(options))) {
        allow_descriptors(world_->options.lanes);
    }

    ~LanesOfBroker() override { stop(); }

    void run(std::uint32_t lane, std::vector<Ticket> tickets) override {
        std::vector<LaneJob> jobs;
        jobs.reserve(tickets.size());
        Nanoseconds look_in = AttemptWatch::kNever;
        for (Ticket& ticket : tickets) {
            auto info = info_of(ticket);
            if (info->time_limit != 0) look_in = std::min(look_in, info->time_limit);
            if (info->memory_limit != 0) look_in = std::min(look_in, AttemptWatch::kMemoryInterval);
            jobs.push_back({std::move(ticket), std::move(info)});
        }
        make_lane(lane)->run(std::move(jobs));
        if (look_in != AttemptWatch::kNever) watch_.look_by(steady_now() + look_in);
    }

    std::vector<Ticket> take_back(std::uint32_t lane) override {
        std::vector<Ticket> tickets;
        if (const auto found = find_lane(lane)) found->take_back(tickets);
        return tickets;
    }

    void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) override {
        const auto found = find_lane(lane);
        if (found == nullptr) return;
        std::optional<Outcome> outcome = found->cancel(ticket, reason);
        if (!outcome) return;
        outcomes_.push_back(std::move(*outcome));
        world_->wake();
    }

    bool drain(std::vector<Outcome>& out) override {
        const bool ours = !outcomes_.empty();
        std::move(outcomes_.begin(), outcomes_.end(), std::back_inserter(out));
        outcomes_.clear();
        const bool nothing =
            !world_->noted.load(std::memory_order_acquire) && !world_->woken.load(std::memory_order_acquire);
        if (nothing) return ours;  // since the last time
        world_->noted.store(false);
        world_->woken.store(false);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // what is told after this wakes again
        bool any = ours;
        for (const auto& lane : lanes_) any |= lane != nullptr && lane->drain(out);
        return any;
    }

    void stop() override {
        if (std::exchange(stopped_, true)) return;
        watch_.stop();
        const std::int64_t deadline = steady_now() + kGraceNanoseconds;
        for (const auto& lane : lanes_)
            if (lane != nullptr) lane->stop(deadline, outcomes_);
        if (runner_ != nullptr) runner_->stop();
        for (const auto& lane : lanes_)
            if (lane != nullptr) lane->finish();
        world_->workers.close();
        world_->wake();
        world_->close();
    }

    double progress(std::uint32_t lane) const override {
        const auto found = find_lane(lane);
        return found != nullptr ? found->progress() : 0;
    }

private:
    std::shared_ptr<Lane> find_lane(std::uint32_t number) const {
        const std::scoped_lock lock(lanes_mutex_);
        return number < lanes_.size() ? lanes_[number] : nullptr;
    }

    Nanoseconds watch(Nanoseconds now) {
        std::vector<std::shared_ptr<Lane>> lanes;
        {
            const std::scoped_lock lock(lanes_mutex_);
            lanes = lanes_;
        }
        Nanoseconds next = AttemptWatch::kNever;
        for (const auto& lane : lanes)
            if (lane != nullptr) next = std::min(next, lane->watch(now));
        return next;
    }

    std::shared_ptr<Lane> make_lane(std::uint32_t number) {
        if (auto found = find_lane(number)) return found;
        auto fresh = std::make_shared<Lane>(world_, number);
        const std::scoped_lock lock(lanes_mutex_);
        if (lanes_.size() <= number) lanes_.resize(number + 1);
        return lanes_[number] = std::move(fresh);
    }

    std::shared_ptr<const TemplateInfo> info_of(const Ticket& ticket) {
        if (last_info_ != nullptr && last_info_->job == ticket.job) return last_info_;
        if (infos_.size() == kMaxTemplates) infos_.clear();
        auto& info = infos_[ticket.job];  // a job that stands alone comes again with the next pipeline of its plan
        if (info == nullptr) info = std::make_shared<TemplateInfo>(world_->types, ticket);
        if (info->way == TemplateInfo::Way::external && runner_ == nullptr) make_runner();
        return last_info_ = info;
    }

    void make_runner() {
        const auto done = [this](Outcome outcome) {
            if (const auto lane = find_lane(outcome.lane)) lane->external_ended(std::move(outcome));
        };
        const auto& make = world_->options.external;
        const auto later = [world = world_.get()] {
            if (world->noted.load()) world->wake();
        };
        runner_ = make ? make(world_->options, done, later) : make_external_runner(world_->options, done, later);
        world_->runner = runner_.get();
    }

    const std::shared_ptr<LaneWorld> world_;
    mutable std::mutex lanes_mutex_;            // of the list: the pump makes lanes, the runner looks for them
    std::vector<std::shared_ptr<Lane>> lanes_;  // by number; null = not used so far
    std::unique_ptr<ExternalRunner> runner_;    // ends before the lanes do: it calls them
    std::vector<Outcome> outcomes_;             // of tickets that never reached a lane's thread
    // By address, which is not given to another template while the info keeps its plan.
    std::unordered_map<const JobTemplate*, std::shared_ptr<const TemplateInfo>> infos_;
    std::shared_ptr<const TemplateInfo> last_info_;
    bool stopped_ = false;
    AttemptWatch watch_{[this](Nanoseconds now) { return watch(now); }};  // the last one: its thread uses all else
};

}  // namespace

std::unique_ptr<Lanes> make_lanes(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, LaneOptions options) {
    return std::make_unique<LanesOfBroker>(types, std::move(zygote), std::move(options));
}

}  // namespace penstock
