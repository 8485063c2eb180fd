// Lanes under test: a plan made in a line or two, tickets, and outcomes gathered as the pump would.
#pragma once

#include "exec/external_runner.hpp"
#include "exec/lanes.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace penstock::testing {

// The worker types of these tests (lanes_workers_test.cpp). Each says there what it does.
const WorkerTypes& test_types();
WorkerTypes stage_types();  // those for stages among them (stage_workers_test.cpp)

// A pipeline "p" of single jobs; `with` and for_each of each may be changed before it is used.
class TestPlan {
public:
    TestPlan() : plan_(std::make_shared<Plan>()) {
        plan_->name = "p";
        plan_->definition_directory = "/definitions";
    }
    TestPlan& job(std::string name, std::string worker, Isolation isolation, Document with = {}) {
        JobTemplate job;
        job.name = std::move(name);
        job.worker = std::move(worker);
        job.isolation = isolation;
        job.with = std::move(with);
        plan_->templates.push_back(std::move(job));
        return *this;
    }
    JobTemplate& last() { return plan_->templates.back(); }
    Plan& plan() { return *plan_; }

    std::shared_ptr<const PipelineContext> context() {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        return context;
    }

private:
    std::shared_ptr<Plan> plan_;
};

class LanesTest : public ::testing::Test {
protected:
    static std::filesystem::path make_folder();

    LanesTest() : folder_(make_folder()) {
        options_.scratch_root = folder_ / "scratch";
        options_.log_directory = folder_ / "logs";
        options_.wake = [this] {
            const std::scoped_lock lock(mutex_);
            woken_ = true;
            ++wakes_;
            changed_.notify_one();
        };
    }
    ~LanesTest() override {
        lanes_.reset();
        std::filesystem::remove_all(folder_);
    }

    Lanes& lanes() {
        if (lanes_ == nullptr) lanes_ = make_lanes(test_types(), std::move(zygote_), options_);
        return *lanes_;
    }
    void fork_zygote() { zygote_ = Zygote::fork_now(test_types()); }

    // Jobs of one template in isolation `process`, or as `isolation_` says.
    std::shared_ptr<const PipelineContext> one_job(std::string worker, Document with = {}) {
        TestPlan plan;
        plan.job("j", std::move(worker), isolation_, std::move(with));
        return plan.context();
    }
    Ticket ticket(const std::shared_ptr<const PipelineContext>& context, std::size_t job = 0,
                  std::uint32_t instance = 0) {
        Ticket ticket;
        ticket.pipeline = context;
        ticket.job = &context->plan->templates.at(job);
        ticket.instance = instance;
        return ticket;
    }
    // Tickets are numbered from 1 in the order in which they are run.
    void run_all(std::uint32_t lane, std::vector<Ticket> tickets) {
        for (Ticket& ticket : tickets) ticket.id = ++last_ticket_;
        lanes().run(lane, std::move(tickets));
    }
    template <class... More>
    void run(std::uint32_t lane, Ticket first, More... more) {
        std::vector<Ticket> tickets;
        tickets.push_back(std::move(first));
        (tickets.push_back(std::move(more)), ...);
        run_all(lane, std::move(tickets));
    }

    // Waits until `count` more outcomes have come and returns them in the order in which they came.
    std::vector<Outcome> collect(std::size_t count);
    Outcome run_one(const std::shared_ptr<const PipelineContext>& context) {
        run(0, ticket(context));
        return std::move(collect(1).at(0));
    }
    // Reads a file a job makes when it begins; waits for it.
    static std::string wait_for_file(const std::filesystem::path& path);

    std::filesystem::path folder_;
    LaneOptions options_;
    Isolation isolation_ = Isolation::process;
    std::unique_ptr<Zygote> zygote_;
    std::unique_ptr<Lanes> lanes_;
    std::uint64_t last_ticket_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    int wakes_ = 0;
    std::vector<Outcome> early_;  // drained before they were asked for
};

inline std::string describe(const Outcome& outcome) {
    if (outcome.details == nullptr) return "succeeded";
    return std::string(end_reason_name(outcome.details->reason)) + ": " + outcome.details->error;
}

// Children of this process, zombies included.
std::vector<int> children();
std::size_t open_descriptors();

}  // namespace penstock::testing
