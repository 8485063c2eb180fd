// A broker under test: lanes that the test empties, what it sends and asks of its host as lines.
#pragma once

#include "core/broker.hpp"

#include "support/plans.hpp"
#include "support/transcript.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

// Lanes that run nothing by themselves: the test says when a job ends.
class FakeHost final : public BrokerHost {
public:
    Lines take() { return std::exchange(said_, {}); }
    // Job numbers in a lane, the running one first.
    std::vector<std::uint32_t> lane(std::uint32_t index) {
        std::vector<std::uint32_t> jobs;
        for (const JobStart& s : lanes_[index]) jobs.push_back(job_of(s));
        return jobs;
    }
    bool busy(std::uint32_t index) { return !lanes_[index].empty(); }
    std::uint64_t pop(std::uint32_t index) {
        const std::uint64_t ticket = lanes_.at(index).front().ticket;
        lanes_[index].pop_front();
        return ticket;
    }
    std::size_t lanes() const { return lanes_.size(); }
    std::uint64_t fetched(std::uint32_t job) const { return fetches_.at(job); }

    bool may_start_ = true;
    std::vector<JobRun> held_;
    std::size_t claimed_ = 1;           // jobs at the front of a lane that cannot be taken back
    std::vector<std::uint64_t> stale_;  // tickets that every lane claims to give back

private:
    static std::uint32_t job_of(const JobStart& s) {
        return s.pipeline->plan->templates[s.job.value].first_job.value + s.instance;
    }
    void start(std::uint32_t lane, std::vector<JobStart> jobs) override {
        std::string line = "start in lane " + std::to_string(lane) + ":";
        for (JobStart& s : jobs) {
            line += " " + std::to_string(job_of(s));
            lanes_[lane].push_back(std::move(s));
        }
        said_.push_back(line);
    }
    std::vector<std::uint64_t> take_back(std::uint32_t lane) override {
        std::vector<std::uint64_t> tickets = stale_;
        auto& jobs = lanes_[lane];
        while (jobs.size() > claimed_) {
            tickets.insert(tickets.begin(), jobs.back().ticket);
            jobs.pop_back();
        }
        return tickets;
    }
    bool may_start() const override { return may_start_; }
    void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) override {
        fetches_[job_of(job)] = job.ticket;
        said_.push_back("fetch for " + std::to_string(job_of(job)) +
                        (holder == msg::kNobody ? "" : " from " + std::to_string(holder)) +
                        (located ? "" : ", locate at " + std::to_string(pipeliner)));
    }
    void forget_inputs(std::uint64_t) override { ++forgotten_inputs_; }
    void end_attempt(std::uint32_t lane, std::uint64_t ticket) override {
        for (const JobStart& s : lanes_[lane])
            if (s.ticket == ticket) ended_.push_back(job_of(s));
    }
    void release(const JobRun& jobs) override {
        said_.push_back("release " + std::to_string(jobs.first.value) + "+" + std::to_string(jobs.count));
    }
    std::vector<JobRun> held(PipelineId) override { return held_; }
    void abandon_stream(PipelineId pipeline) override { said_.push_back("abandon " + std::to_string(pipeline.value)); }
    void forget(PipelineId pipeline) override { said_.push_back("forget " + std::to_string(pipeline.value)); }
    void forget(PlanId plan) override { said_.push_back("forget plan " + std::to_string(plan.value)); }
    void flush() override { said_.push_back("flush"); }
    void stop() override { said_.push_back("stop"); }

    Lines said_;
    std::map<std::uint32_t, std::deque<JobStart>> lanes_;
    std::map<std::uint32_t, std::uint64_t> fetches_;

public:
    std::size_t forgotten_inputs_ = 0;
    std::vector<std::uint32_t> ended_;  // jobs
};

class BrokerTest : public ::testing::Test {
protected:
    static constexpr std::uint32_t kRouter = 0;
    static constexpr std::uint32_t kPipeliner = 1;
    static constexpr std::uint32_t kSelf = 5;
    static constexpr Nanoseconds kSecond = 1'000'000'000;

    void make(std::uint32_t slots, std::string_view graph, bool followers = false) {
        broker_ = std::make_unique<Broker>(kSelf, slots, host_);
        plan_ = plan_of(graph);
        if (followers) find_followers(*plan_);
        const auto templates = static_cast<std::uint32_t>(plan_->templates.size());
        on(msg::PlanBlock{PlanId(1), plan_, 0, templates, true});
        introduce(1);
        EXPECT_EQ(sent(out_), Lines());
    }
    void introduce(std::uint32_t pipeline) {
        on(msg::IntroducePipeline{PipelineInfo{PipelineId(pipeline), PlanId(1), "", {}}, kPipeliner, 77});
    }
    template <class M>
    void on(const M& m) {
        broker_->on(m, kRouter, out_);
    }
    static JobRun jobs(std::uint32_t first, std::uint32_t count = 1, std::uint32_t pipeline = 1) {
        return {PipelineId(pipeline), JobIndex(first), count};
    }
    void assign(std::uint32_t first, std::uint32_t count, std::uint32_t job, std::uint32_t pipeline = 1) {
        on(msg::Assign{jobs(first, count, pipeline), TemplateIndex(job)});
    }
    Lines settled() {
        broker_->settle(out_);
        return host_.take();
    }
    JobEnd end(std::uint32_t lane, bool ok = true, Nanoseconds busy = kSecond, const std::string& error = "") {
        return broker_->ended(host_.pop(lane), {ok, busy, false, error}, out_);
    }
    // Ends everything in hand, job by job, until nothing is left; returns how many.
    std::uint64_t run_dry(Nanoseconds busy) {
        std::uint64_t ended = 0;
        for (bool any = true; any;) {
            any = false;
            broker_->settle(out_);
            for (std::uint32_t lane = 0; lane < 64; ++lane)
                while (host_.busy(lane)) {
                    end(lane, true, busy);
                    ++ended;
                    any = true;
                }
        }
        host_.take();
        return ended;
    }

    FakeHost host_;
    std::shared_ptr<Plan> plan_;
    std::unique_ptr<Broker> broker_;
    Outbox out_{kSelf};
};

}  // namespace penstock::test
