#include "cli/run_feeder.hpp"

#include "cli/manager.hpp"
#include "fakes.hpp"
#include "support/temporary_path.hpp"
#include "workers/builtin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string file_of(const std::string& text) {
    const auto path = test::temporary_path("run_feeder.lines");
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

struct Feeding : testing::Test {
    FeederReport feed_all(Driver driver = nullptr) {
        Manager::Setup setup{types, "nowhere.h5.run", {"argument"}, false, nullptr, refuse};
        Manager manager(std::move(setup));
        feed.on_submit = [&](PipelineId id, const Submission& submission) {
            if (ends_at_once) tell_ended(manager.observer(), id, submission);
        };
        RunFeeder feeder({plans, lines.get(), "url", std::move(driver), &manager, nullptr, nullptr,
                          [this](Severity, const std::string& text) { told.push_back(text); }});
        feeder.feed(feed);
        return feeder.report();
    }
    std::vector<std::string> submitted() const {
        std::vector<std::string> out;
        for (const Submission& s : feed.submitted) out.push_back(pipeline_label(s.plan->name, s.instance));
        return out;
    }

    FakeFeed feed;
    WorkerTypes types;
    std::vector<std::shared_ptr<const Plan>> plans = {plan_named("a"), plan_named("b")};
    std::unique_ptr<LineReader> lines;
    std::function<std::string(const Plan&)> refuse;
    std::vector<std::string> told;
    bool ends_at_once = true;
};

TEST_F(Feeding, PlansAreSubmittedOnce) {
    const FeederReport report = feed_all();
    EXPECT_THAT(submitted(), ElementsAre("a", "b"));
    EXPECT_TRUE(feed.closed);
    EXPECT_EQ(report.bad_lines, 0u);
    EXPECT_TRUE(told.empty());
}

TEST_F(Feeding, LinesSubmitEachPlanAndBadOnesAreToldWithTheirPlace) {
    plans.pop_back();
    const std::string file = file_of("x\n\n{\"url\": \"y\", \"n\": 2}\n{\"url\": \nx\nz");
    lines = std::make_unique<LineReader>(file);
    const FeederReport report = feed_all();
    EXPECT_THAT(submitted(), ElementsAre("a[url=x]", "a[n=2,url=y]", "a[url=z]"));
    EXPECT_EQ(report.bad_lines, 2u);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_THAT(told[0], HasSubstr(file + ":4:"));
    EXPECT_THAT(told[1], HasSubstr(file + ":5: pipeline a[url=x] was started before"));
    EXPECT_EQ(feed.submitted[1].own_data.at("n").int64(), 2);
}

TEST_F(Feeding, OnlyTheFirstBadLinesAreTold) {
    plans.pop_back();
    std::string text;
    for (int i = 0; i < 100; ++i) text += "{\n";
    lines = std::make_unique<LineReader>(file_of(text + "good\n"));
    const FeederReport report = feed_all();
    EXPECT_EQ(report.bad_lines, 100u);
    EXPECT_THAT(submitted(), ElementsAre("a[url=good]"));
    EXPECT_EQ(told.size(), 21u);
    EXPECT_THAT(told.back(), HasSubstr(": 100 lines were no good in all"));
}

TEST_F(Feeding, ADriverRunsAfterThePlansAndGetsItsArguments) {
    const FeederReport report = feed_all([&](PipelineManager& manager) {
        EXPECT_THAT(manager.arguments(), ElementsAre("argument"));
        const PipelineNumber number = dynamic_cast<Manager&>(manager).start({plan_named("mine"), "", {}});
        EXPECT_EQ(manager.wait(number).name, "mine");
        EXPECT_TRUE(manager.finished(number));
        EXPECT_EQ(manager.pipelines().size(), 1u) << "those of the definitions are not its own";
    });
    EXPECT_THAT(submitted(), ElementsAre("a", "b", "mine"));
    EXPECT_FALSE(report.driver_failed);
    EXPECT_TRUE(feed.closed);
}

TEST_F(Feeding, WhatADriverDoesWrongIsAnErrorForIt) {
    feed_all([&](PipelineManager& manager) {
        auto& all = dynamic_cast<Manager&>(manager);
        const PipelineNumber mine = all.start({plan_named("mine"), "", {}});
        EXPECT_THROW(all.start({plan_named("mine"), "", {}}), PipelineError) << "twice";
        EXPECT_THROW(all.start({plan_named("a"), "", {}}), PipelineError) << "the definitions have one of that name";
        EXPECT_THROW(all.finished(PipelineNumber{99}), PipelineError) << "foreign";
        EXPECT_THROW(all.results(mine, "no-such-job", ""), PipelineError);
    });
    EXPECT_TRUE(told.empty());
}

TEST_F(Feeding, PipelinesMadeInCodeAreValidatedAndStartedOnce) {
    types = builtin_worker_types();
    const Pipeline pipeline = Pipeline("mine").add(Job("a", "noop")).add(Job("b", "noop").after("a"));
    feed_all([&](PipelineManager& manager) {
        EXPECT_THROW(manager.finished(pipeline), PipelineError) << "not started";
        const PipelineNumber number = manager.start(pipeline);
        EXPECT_EQ(manager.wait(number).jobs, 2u);
        EXPECT_TRUE(manager.finished(pipeline));
        EXPECT_THROW(manager.start(pipeline), PipelineError) << "twice";
        EXPECT_THROW(manager.start(Pipeline("mine").add(Job("other", "noop"))), PipelineError)
            << "another of that name";
        EXPECT_THROW(manager.finished(Pipeline("mine").add(Job("other", "noop"))), PipelineError) << "foreign";
        try {
            manager.start(Pipeline("bad").add(Job("a", "nopp").after("z")));
            ADD_FAILURE() << "no exception";
        } catch (const PipelineError& error) {
            EXPECT_THAT(error.what(), HasSubstr("nopp"));
            EXPECT_THAT(error.what(), HasSubstr("noop"));
            EXPECT_THAT(error.what(), HasSubstr("`z`")) << "all that is wrong is told";
        }
    });
    EXPECT_TRUE(told.empty()) << told.front();
    EXPECT_THAT(submitted(), ElementsAre("a", "b", "mine"));
}

TEST_F(Feeding, OnePipelineForManyDataSharesItsPlan) {
    types = builtin_worker_types();
    plans.clear();
    const Pipeline page = Pipeline("page", {{"url", "http://none/"}}).add(Job("wait", "noop"));
    feed_all([&](PipelineManager& manager) {
        const PipelineNumber x = manager.start(page, {{"url", "x"}});
        const PipelineNumber y = manager.start(page, {{"url", "y"}});
        EXPECT_THROW(manager.start(page, {{"url", "x"}}), PipelineError);
        manager.start(page);
        EXPECT_EQ(manager.status(x).instance, "url=x");
        EXPECT_EQ(manager.wait_all().size(), 3u);
        EXPECT_TRUE(manager.finished(y));
        EXPECT_TRUE(manager.finished(page));
    });
    EXPECT_TRUE(told.empty()) << told.front();
    EXPECT_THAT(submitted(), ElementsAre("page[url=x]", "page[url=y]", "page"));
    EXPECT_EQ(feed.submitted[0].plan, feed.submitted[1].plan);
    EXPECT_EQ(feed.submitted[1].own_data.at("url").string(), "y");
}

TEST_F(Feeding, AJobThatFitsNowhereIsRefusedAtStart) {
    refuse = [](const Plan& plan) { return plan.name == "big" ? "too big" : ""; };
    feed_all([&](PipelineManager& manager) {
        EXPECT_THROW(dynamic_cast<Manager&>(manager).start({plan_named("big"), "", {}}), PipelineError);
    });
    EXPECT_THAT(submitted(), ElementsAre("a", "b"));
}

TEST_F(Feeding, ADriverThatThrowsIsToldAndTheRunEndsOrderly) {
    const FeederReport report = feed_all([](PipelineManager&) { throw std::runtime_error("no more ideas"); });
    EXPECT_TRUE(report.driver_failed);
    EXPECT_TRUE(feed.closed);
    EXPECT_THAT(told, ElementsAre("the driver function of this program failed: no more ideas\n"
                                  "What it had started is run to its end."));
    told.clear();
    feed.closed = false;
    feed.submitted.clear();
    EXPECT_TRUE(feed_all([](PipelineManager&) { throw 42; }).driver_failed);
    EXPECT_TRUE(feed.closed);
}

TEST_F(Feeding, WhenTheRunEndsEarlyTheDriverIsNotBlamed) {
    ends_at_once = false;
    const FeederReport report = feed_all([&](PipelineManager& manager) {
        const PipelineNumber mine = dynamic_cast<Manager&>(manager).start({plan_named("mine"), "", {}});
        feed.stops = true;
        manager.wait(mine);
        ADD_FAILURE() << "wait() returned";
    });
    EXPECT_FALSE(report.driver_failed);
    EXPECT_TRUE(told.empty());
    EXPECT_TRUE(feed.closed);
}

TEST_F(Feeding, AManagerThatOutlivesItsDriverSaysSo) {
    Manager* kept = nullptr;
    Manager manager({types, "nowhere.h5.run", {}, false, nullptr, nullptr});
    RunFeeder feeder({plans, nullptr, "", [&](PipelineManager& m) { kept = &dynamic_cast<Manager&>(m); }, &manager,
                      nullptr, nullptr, [](Severity, const std::string&) {}});
    feeder.feed(feed);
    ASSERT_EQ(kept, &manager);
    EXPECT_THROW(kept->start({plan_named("late"), "", {}}), PipelineError);
}

}  // namespace
}  // namespace penstock
