// A plan is known to the roles while pipelines of it run, and a bounded number of plans after that.
#include "core/pipeliner.hpp"

#include "support/broker_fixture.hpp"
#include "support/router_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

// ------------------------------------------------------------------------------------------ the router

class ForgottenPlans : public test::RouterTest {
protected:
    // One pipeline of the plan, from its submission until it is over; what was sent about plans, and whether it was
    // told that any was forgotten.
    Lines run(std::uint32_t plan, const std::string& graph = "a") {
        submit(graph, plan);
        ++pipelines_;
        ready(0, 1, 0, msg::kNobody, pipelines_);
        router_->schedule(now_, out_);
        ended(2, 0, 1, true, 1000, pipelines_);
        durable(2, pipelines_);
        EXPECT_EQ(router_->counts().pipelines_over, ++over_);
        Lines told;
        for (std::string& line : sent(out_))
            if (line.find("ForgetPlan") != std::string::npos || line.find("StartPlan") != std::string::npos ||
                line.find("PlanBlock") != std::string::npos)
                told.push_back(std::move(line));
        for (std::string& line : events_.take())
            if (line.find("forgot") != std::string::npos) told.push_back(std::move(line));
        return told;
    }
    static Setup keeping(std::uint32_t plans, std::uint64_t jobs = 1000) {
        Setup s = one_host({1});
        s.idle_plans = plans;
        s.idle_plan_jobs = jobs;
        return s;
    }
    static Lines introduced(const std::string& plan) {
        return {"1: StartPlan " + plan + ": 1 templates, 1 jobs, 0 edges",
                "2: PlanBlock " + plan + " templates [0,1) with header"};
    }
    static Lines introduced_for(const std::string& plan, const std::string& forgotten) {
        Lines lines = introduced(plan);
        for (const char* const rank : {"1", "2"}) lines.push_back(std::string(rank) + ": ForgetPlan " + forgotten);
        lines.push_back("forgot plan " + forgotten);
        return lines;
    }
    std::uint32_t pipelines_ = 0;
    std::uint64_t over_ = 0;
};

TEST_F(ForgottenPlans, OneWithoutAPipelineIsKeptForTheNext) {
    make(keeping(1));
    EXPECT_EQ(run(1), introduced("1"));
    EXPECT_EQ(run(1), Lines());
    EXPECT_EQ(router_->known_plans(), 1u);
}

TEST_F(ForgottenPlans, TheLongestUnusedGoesFirst) {
    make(keeping(2));
    run(1);
    run(2);
    run(1);
    EXPECT_EQ(run(3), introduced_for("3", "2"));
    EXPECT_EQ(run(1), Lines());
    EXPECT_EQ(run(2), introduced_for("2", "3")) << "a forgotten plan is introduced anew";
    EXPECT_EQ(router_->known_plans(), 2u);
}

TEST_F(ForgottenPlans, TheirJobsTogetherAreBoundedToo) {
    make(keeping(10, 2));
    run(1);
    run(2);
    EXPECT_EQ(run(3), introduced_for("3", "1"));
}

TEST_F(ForgottenPlans, OneInUseIsNotForgotten) {
    make(keeping(0));
    submit("a", 1);
    ++pipelines_;
    EXPECT_EQ(
        run(2),
        (Lines{"1: StartPlan 1: 1 templates, 1 jobs, 0 edges", "1: StartPlan 2: 1 templates, 1 jobs, 0 edges",
               "2: PlanBlock 2 templates [0,1) with header", "1: ForgetPlan 2", "2: ForgetPlan 2", "forgot plan 2"}));
    EXPECT_EQ(router_->known_plans(), 1u);
}

TEST_F(ForgottenPlans, ThoseOfNoJobsToo) {
    make(keeping(0));
    for (std::uint32_t plan = 1; plan <= 100; ++plan) submit("a[0]", plan);
    EXPECT_EQ(router_->known_plans(), 0u);
    EXPECT_TRUE(only("StartPlan").empty()) << "nobody has to know of them";
    EXPECT_TRUE(only("ForgetPlan").empty());
}

// ------------------------------------------------------------------------------------------ the broker

class BrokersPlans : public test::BrokerTest {};

TEST_F(BrokersPlans, AreForgottenWithTheirHost) {
    make(1, "a");
    on(msg::ForgetPipeline{PipelineId(1)});
    host_.take();
    on(msg::ForgetPlan{PlanId(1)});
    EXPECT_EQ(host_.take(), (Lines{"forget plan 1"}));
    EXPECT_EQ(broker_->known_plans(), 0u);
    EXPECT_EQ(broker_->ignored(), 0u);
    introduce(2);
    EXPECT_EQ(broker_->ignored(), 1u) << "a pipeline of a plan that is not known";
}

TEST_F(BrokersPlans, OneWithAPipelineIsNotForgotten) {
    make(1, "a");
    introduce(2);
    on(msg::ForgetPipeline{PipelineId(1)});
    host_.take();
    on(msg::ForgetPlan{PlanId(1)});
    on(msg::ForgetPlan{PlanId(9)});
    EXPECT_EQ(broker_->ignored(), 2u);
    EXPECT_EQ(host_.take(), Lines());
    assign(0, 1, 0, 2);
    EXPECT_EQ(run_dry(kSecond), 1u);
}

// ------------------------------------------------------------------------------------------ the pipeliner

TEST(PipelinersPlans, AreForgottenWhilePipelinesThatItHasNotSeenEndGoOn) {
    Pipeliner pipeliner;
    Outbox out(1);
    pipeliner.on(msg::StartPlan{PlanId(1), std::make_shared<const Structure>(structure_of(*plan_of("a -> b")))}, 0,
                 out);
    pipeliner.on(msg::StartPipelines{PipelineId(1), 1, PlanId(1)}, 0, out);
    sent(out);
    pipeliner.on(msg::ForgetPlan{PlanId(1)}, 0, out);
    EXPECT_EQ(pipeliner.known_plans(), 0u);
    msg::Ended ended;
    ended.jobs = {PipelineId(1), JobIndex(0), 1};
    pipeliner.on(ended, 2, out);
    EXPECT_EQ(sent(out), (Lines{"0: Ready 1:1 t1 attempt 1"}));
    EXPECT_EQ(pipeliner.ignored(), 0u);
    pipeliner.on(msg::ForgetPlan{PlanId(1)}, 0, out);
    EXPECT_EQ(pipeliner.ignored(), 1u);
}

}  // namespace
}  // namespace penstock
