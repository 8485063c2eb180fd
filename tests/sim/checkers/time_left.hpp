// When it is known when the launch ends: nothing is given out that would not end before it, as far as is known; what
// would is given out, also when it was put off first; and the run waits no longer for what would not.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace penstock::sim {

class TimeLeft final : public Checker {
public:
    std::string name() const override { return "time left"; }

    void received(const Envelope& e) override {
        if (!watches()) return;
        const auto* message = std::get_if<RouterMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::Ready>(message)) kind_of(m->jobs).ready += m->jobs.count;
        if (const auto* m = std::get_if<msg::Returned>(message))
            for (const auto& item : m->items) {
                leave(e.from, item.jobs.count);
                if (item.past.failed == 0)
                    kind_of(item.jobs).ready += item.jobs.count;
                else  // one by one
                    for (std::uint32_t i = 0; i < item.jobs.count; ++i)
                        again_[{item.jobs.pipeline, item.jobs.first.value + i}] = 0;
            }
    }
    void told_ran(const msg::Ended& ended, std::uint32_t broker) override {
        if (!watches()) return;
        if (!ended.followed) leave(broker, ended.jobs.count);
        Took& took = took_[class_of(kind_at(ended.jobs))];
        const double sample = static_cast<double>(ended.busy_ns) / ended.jobs.count;
        took.least = std::min(took.least, sample);
        took.most = std::max(took.most, sample);
    }
    void told_again(const msg::AttemptFailed& failed, std::uint32_t broker) override {
        if (!watches()) return;
        leave(broker, failed.jobs.count);
        again_[{failed.jobs.pipeline, failed.jobs.first.value}] = world().now() + world().scenario().retry_delay / 2;
    }
    void sent(const Envelope& e) override {
        if (!watches()) return;
        if (const auto* to_pipeliner = std::get_if<PipelinerMessage>(&e.message))
            if (const auto* m = std::get_if<msg::ForgetPlan>(to_pipeliner)) forget(m->plan);
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::Assign>(message)) given_out(*m, e.to);
        if (left() <= 0) return;
        if (const auto* m = std::get_if<msg::Recall>(message); m != nullptr && m->count == kEverything)
            fail("the run drains before the end of the launch, while jobs run");
        if (std::holds_alternative<msg::Stop>(*message)) stops();
    }
    void handed_out() override {
        if (!watches() || left() <= 0 || stopped_) return;
        look_for_what_waits();
        look_whether_nothing_fits();
    }

private:
    using At = std::pair<const Plan*, std::uint32_t>;  // a template
    struct Kind {
        std::int64_t ready = 0;
        std::optional<Nanoseconds> waits_since;  // though it would end in time, and a slot is free
    };
    struct Took {
        double least = std::numeric_limits<double>::max(), most = 0;
    };
    using Class = std::pair<const Plan*, std::string>;  // jobs of which one is taken to be as long as the others

    bool watches() const { return world().scenario().ends_at && !world().scenario().drain_at; }
    Nanoseconds left() const { return *world().scenario().ends_at - world().now(); }
    At kind_at(const JobRun& jobs) const {
        const Plan* const plan = world().truth(jobs.pipeline).plan.get();
        return {plan, plan->template_of(jobs.first).value};
    }
    Kind& kind_of(const JobRun& jobs) { return kinds_[kind_at(jobs)]; }
    static Class class_of(const At& at) {
        const JobTemplate& t = at.first->templates[at.second];
        return {at.first, t.count > 1 ? "for-each " + std::to_string(at.second) : "worker " + t.worker};
    }
    // What may be believed of such a job, at least and at most: by what others took, or else by its timeout. 0:
    // nothing.
    std::pair<double, double> likely(const At& at) const {
        const double limit = at.first->templates[at.second].timeout_s * 1e9;
        const auto took = took_.find(class_of(at));
        if (took == took_.end()) return {limit, limit};
        const double bound = limit > 0 ? limit : std::numeric_limits<double>::max();
        return {std::min(bound, Router::kLikely * took->second.least * (1 - kRounding)),
                std::min(bound, Router::kLikely * took->second.most * (1 + kRounding))};
    }
    bool fits_for_sure(const At& at) const { return likely(at).second <= static_cast<double>(left()); }
    bool may_fit(const At& at) const { return likely(at).first <= static_cast<double>(left()); }

    void leave(std::uint32_t broker, std::uint32_t jobs) {
        at_[broker] -= jobs;
        assigned_ -= jobs;
    }
    void forget(PlanId plan) {
        const Plan* const of = world().scenario().plans[plan.value - 1].get();
        std::erase_if(took_, [of](const auto& entry) { return entry.first.first == of; });
    }
    void given_out(const msg::Assign& m, std::uint32_t broker) {
        const JobRef first{m.jobs.pipeline, m.jobs.first.value};
        at_[broker] += m.jobs.count;
        assigned_ += m.jobs.count;
        for (std::uint32_t i = 0; i < m.jobs.count; ++i)
            if (again_.erase({first.pipeline, first.job + i}) == 0) --kind_of(m.jobs).ready;
        if (!may_fit(kind_at(m.jobs)))
            fail(text(first) + " is given out, and would not end in the " + std::to_string(left()) +
                 " ns that are left");
    }
    // Of its own accord: something is left to do.
    void stops() {
        if (std::exchange(stopped_, true)) return;
        for (const auto& [at, kind] : kinds_)
            if (kind.ready > 0 && fits_for_sure(at))
                fail("the run stops though " + at.first->templates[at.second].name + " would end in time");
        for (const auto& [job, least] : again_)
            if (least > world().now()) fail("the run stops while " + text(job) + " pauses");
    }
    void look_for_what_waits() {
        const auto& brokers = world().scenario().brokers;
        const bool idle =
            std::any_of(brokers.begin(), brokers.end(), [&](const auto& b) { return at_[b.rank] < b.slots; });
        for (auto& [at, kind] : kinds_) {
            if (!idle || kind.ready <= 0 || !fits_for_sure(at) || !world().scenario().only_simple)
                kind.waits_since.reset();
            else if (!kind.waits_since)
                kind.waits_since = world().now();
            else if (world().now() - *kind.waits_since > Router::kNothingElse + kSlack)
                fail(at.first->templates[at.second].name + " is not given out though it would end in time");
        }
    }
    void look_whether_nothing_fits() {
        const bool waits = std::any_of(kinds_.begin(), kinds_.end(), [](const auto& k) { return k.second.ready > 0; });
        const auto& all_there_are = world().pipelines();
        const bool streams = std::any_of(all_there_are.begin(), all_there_are.end(), [](const auto& entry) {
            const PipelineTruth& p = entry.second;
            return p.plan->is_stream() &&
                   std::any_of(p.state.begin(), p.state.end(), [](JobState s) { return s < JobState::succeeded; });
        });
        const bool nothing = waits && !streams && assigned_ == 0 && again_.empty() &&
                             std::none_of(kinds_.begin(), kinds_.end(),
                                          [&](const auto& k) { return k.second.ready > 0 && may_fit(k.first); });
        const std::size_t submitted = world().pipelines().size();
        if (!nothing || submitted != submitted_) nothing_since_.reset();
        submitted_ = submitted;
        if (!nothing) return;
        if (!nothing_since_) nothing_since_ = world().now();
        const bool all = submitted == world().scenario().submissions.size();
        if (world().now() - *nothing_since_ > (all ? Router::kNothingElse : Router::kNothingSubmitted) + kSlack)
            fail("the run goes on though nothing that is left would end in time");
    }

    static constexpr std::uint32_t kEverything = 0xffffffff;
    static constexpr double kRounding = 1e-6;
    static constexpr Nanoseconds kSlack = 100'000'000;  // messages on their way; until the router is waked
    std::map<At, Kind> kinds_;
    std::map<Class, Took> took_;
    std::map<JobRef, Nanoseconds> again_;  // failed jobs that are not given out again: the earliest that they may be
    std::map<std::uint32_t, std::int64_t> at_;  // jobs at each broker
    std::int64_t assigned_ = 0;                 // all of these
    std::size_t submitted_ = 0;
    std::optional<Nanoseconds> nothing_since_;
    bool stopped_ = false;
};

}  // namespace penstock::sim
