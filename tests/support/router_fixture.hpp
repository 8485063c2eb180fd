// A router under test: brokers from rank 2 on, what it sends and tells as lines.
#pragma once

#include "core/router.hpp"

#include "support/plans.hpp"
#include "support/transcript.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

// Events as lines, in the order they were told.
class RecordedEvents final : public RouterEvents {
public:
    Lines take() { return std::exchange(lines_, {}); }

    void started(PipelineId pipeline) override { say("started", pipeline); }
    void ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) override {
        say("ran", pipeline,
            describe(Message(RouterMessage(ended))).substr(6) + " at " + std::to_string(broker));  // without "Ended "
    }
    void skipped(PipelineId pipeline, const JobRun& jobs, JobIndex cause) override {
        say("skipped", pipeline,
            std::to_string(jobs.first.value) + "+" + std::to_string(jobs.count) + " because of " +
                std::to_string(cause.value));
    }
    void refused(PipelineId pipeline, const msg::Refused& refused, std::uint32_t broker) override {
        say("refused", pipeline, refused.error + " at " + std::to_string(broker));
    }
    void pipeline_over(PipelineId pipeline) override { say("over", pipeline); }
    void plan_forgotten(PlanId id, const Plan&) override {
        lines_.push_back("forgot plan " + std::to_string(id.value));
    }
    void counted(PipelineId pipeline, JobIndex job, const StageCounts& counts) override {
        say("counted", pipeline, std::to_string(job.value) + " took " + std::to_string(counts.items_in));
    }
    void reached(PipelineId pipeline, const std::shared_ptr<const StreamPosition>& position) override {
        std::string text = std::to_string(position->items) + " items";
        for (const auto& [job, stored] : position->stored)
            text += ", " + std::to_string(job) + " has stored " + std::to_string(stored.items) + " in attempt " +
                    std::to_string(stored.attempt);
        say("reached", pipeline, text);
    }
    void rebuilt(PipelineId pipeline, const std::shared_ptr<const JobHistory>& history) override {
        say("rebuilt", pipeline, std::to_string(history->jobs()));
    }
    void lost(PipelineId pipeline, const std::vector<AssignedJobs::Run>& attempts, std::uint32_t rank,
              bool final) override {
        for (const AssignedJobs::Run& run : attempts)
            say("lost", pipeline,
                std::to_string(run.jobs.first.value) + " attempt " + std::to_string(run.attempt) + " with " +
                    std::to_string(rank) + (final ? " for good" : ""));
    }
    void cannot_go_on(const std::string& reason) override { lines_.push_back("cannot go on: " + reason); }
    void store_failed(std::uint32_t broker, const std::string& error) override {
        lines_.push_back("store failed: " + error + " at " + std::to_string(broker));
    }

private:
    void say(const std::string& what, PipelineId pipeline, const std::string& more = "") {
        lines_.push_back(what + " " + std::to_string(pipeline.value) + (more.empty() ? "" : ": " + more));
    }
    Lines lines_;
};

class RouterTest : public ::testing::Test {
protected:
    static constexpr std::uint32_t kPipeliner = 1;

    struct Setup {
        std::vector<std::uint32_t> pipeliners{kPipeliner};
        std::vector<BrokerDescription> brokers;
        std::vector<HostDescription> hosts;
        std::map<std::string, std::uint64_t> named;
        bool fail_fast = false;
        std::uint32_t idle_plans = RouterOptions().idle_plans;
        std::uint64_t idle_plan_jobs = RouterOptions().idle_plan_jobs;
        std::uint32_t crash_limit = RouterOptions().crash_limit;
        std::optional<std::uint32_t> spare_pipeliner = std::nullopt;
    };
    // Brokers of ranks 2, 3, ... with these slots, all on one host with as many CPUs.
    static Setup one_host(const std::vector<std::uint32_t>& slots) {
        Setup s;
        std::uint32_t cpus = 0;
        for (const std::uint32_t n : slots) {
            s.brokers.push_back({static_cast<std::uint32_t>(s.brokers.size()) + 2, 0, n});
            cpus += n;
        }
        s.hosts = {{"a", cpus, 0}};
        return s;
    }
    // One broker a host.
    static Setup own_hosts(const std::vector<std::uint32_t>& slots) {
        Setup s = one_host(slots);
        s.hosts.clear();
        for (std::uint32_t i = 0; i < slots.size(); ++i) {
            s.brokers[i].host = i;
            s.hosts.push_back({std::string(1, static_cast<char>('a' + i)), slots[i], 0});
        }
        return s;
    }

    void make(Setup s) {
        RouterOptions options;
        options.pipeliners = s.pipeliners;
        options.brokers = s.brokers;
        options.hosts = HostLedger(s.hosts, s.named);
        options.fail_fast = s.fail_fast;
        options.idle_plans = s.idle_plans;
        options.idle_plan_jobs = s.idle_plan_jobs;
        options.crash_limit = s.crash_limit;
        options.spare_pipeliner = s.spare_pipeliner;
        router_ = std::make_unique<Router>(std::move(options), events_);
    }
    void make(const std::vector<std::uint32_t>& slots) { make(own_hosts(slots)); }

    PipelineId submit(const std::shared_ptr<Plan>& plan, std::uint32_t plan_id = 1) {
        return router_->submit(PlanId(plan_id), plan, PipelineInfo{}, 0, out_);
    }
    PipelineId submit(std::string_view graph, std::uint32_t plan_id = 1) { return submit(plan_of(graph), plan_id); }
    // Submits and drops the messages about it.
    PipelineId begin(std::string_view graph, std::uint32_t plan_id = 1) {
        const PipelineId id = submit(graph, plan_id);
        out_.take();
        return id;
    }

    void ready(std::uint32_t first, std::uint32_t count, std::uint32_t job, std::uint32_t holder = msg::kNobody,
               std::uint32_t pipeline = 1) {
        router_->on(msg::Ready{{PipelineId(pipeline), JobIndex(first), count}, TemplateIndex(job), 1, holder},
                    kPipeliner, out_);
    }
    void skipped(std::uint32_t first, std::uint32_t count, std::uint32_t cause, std::uint32_t pipeline = 1) {
        router_->on(msg::Skipped{{PipelineId(pipeline), JobIndex(first), count}, JobIndex(cause)}, kPipeliner, out_);
    }
    // Records of a broker are numbered by themselves.
    void ended(std::uint32_t broker, std::uint32_t first, std::uint32_t count = 1, bool ok = true,
               Nanoseconds each = 1'000'000'000, std::uint32_t pipeline = 1) {
        std::uint64_t& records = records_[broker];
        msg::Ended m;
        m.jobs = {PipelineId(pipeline), JobIndex(first), count};
        m.succeeded = ok;
        m.first_record = records + 1;
        m.busy_ns = static_cast<std::uint64_t>(each) * count;
        m.error = ok ? "" : "it broke";
        router_->on(m, broker, out_);
        records += count;
    }
    void durable(std::uint32_t broker, std::uint64_t record) { router_->on(msg::Durable{record}, broker, out_); }
    void bye(std::uint32_t broker) { router_->on(msg::Bye{}, broker, out_); }

    Lines scheduled() {
        router_->schedule(now_, out_);
        return sent(out_);
    }
    // What schedule() assigned, without plan and pipeline introductions.
    Lines assigned() {
        router_->schedule(now_, out_);
        return only("Assign");
    }
    Lines only(std::string_view kind) {
        Lines found;
        for (std::string& line : sent(out_))
            if (line.find(kind) != std::string::npos) found.push_back(std::move(line));
        return found;
    }

    RecordedEvents events_;
    std::unique_ptr<Router> router_;
    Outbox out_{0};
    Nanoseconds now_ = 0;
    std::map<std::uint32_t, std::uint64_t> records_;
};

}  // namespace penstock::test
