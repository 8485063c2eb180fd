#include "cli/submitter.hpp"

#include "fakes.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

class FakeJournal : public RunDirectory {
public:
    const std::filesystem::path& path() const override { return path_; }
    std::uint32_t incarnation() const override { return 1; }
    bool resumed() const override { return false; }
    void record_lost(const std::string&, const std::string&) override {}
    void fence(std::uint32_t, std::uint32_t) override {}
    void record_plan(PlanId id, const Plan& plan) override {
        if (full) throw StoreError("disk full");
        entries.push_back("plan " + std::to_string(id.value) + " " + plan.name);
    }
    void record_submissions(const std::vector<PipelineInfo>& pipelines) override {
        if (full) throw StoreError("disk full");
        std::string entry = "pipelines";
        for (const PipelineInfo& p : pipelines) {
            entry += " " + std::to_string(p.id.value) + ":" + std::to_string(p.plan.value) + ":" + p.instance;
        }
        entries.push_back(entry);
    }
    void finished() override {}

    std::vector<std::string> entries;
    bool full = false;

private:
    std::filesystem::path path_;
};

using Entries = std::vector<std::string>;

// Of pipelines named "page" something is done; what is known of others cannot be read.
class FakeDurable : public DurableJobs {
public:
    std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline) override {
        if (plan.name != "page") throw StoreError("a file is damaged");
        if (pipeline.instance.empty()) return nullptr;
        auto done = std::make_shared<Resumption>();
        done->changed = 5;
        return done;
    }
    std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline, const Now&) override {
        return resumption(plan, pipeline);
    }
    std::uint64_t jobs() const override { return 1; }
    const std::vector<std::string>& warnings() const override { return none_; }
    const std::vector<CollectReport::Damaged>& damaged() const override { return none_damaged_; }

private:
    std::vector<std::string> none_;
    std::vector<CollectReport::Damaged> none_damaged_;
};

TEST(Submitter, WhatIsDoneAlreadyGoesWithThePipeline) {
    FakeFeed feed;
    FakeJournal journal;
    FakeDurable durable;
    Submitter submitter(feed, &journal, &durable);
    const auto page = plan_named("page");
    submitter.submit({{page, "", {}}, {page, "url=y", {}}});
    ASSERT_EQ(feed.submitted.size(), 2u);
    EXPECT_EQ(feed.submitted[0].resumption, nullptr);
    ASSERT_NE(feed.submitted[1].resumption, nullptr);
    EXPECT_EQ(feed.submitted[1].resumption->changed, 5u);
    EXPECT_FALSE(submitter.journal_failed());
}

TEST(Submitter, WhatCannotBeLookedUpDoesNotRun) {
    FakeFeed feed;
    FakeJournal journal;
    FakeDurable durable;
    Submitter submitter(feed, &journal, &durable);
    EXPECT_THROW(submitter.submit({{plan_named("other"), "", {}}}), StoreError);
    EXPECT_TRUE(feed.submitted.empty());
    EXPECT_TRUE(submitter.journal_failed()) << "the launch ends with \"resume me\"";
}

TEST(Submitter, PlansOnceAndPipelinesTogetherAreWrittenDown) {
    FakeFeed feed;
    FakeJournal journal;
    Submitter submitter(feed, &journal);
    const auto page = plan_named("page");
    const auto ids = submitter.submit({{page, "url=x", {}}, {page, "url=y", {}}, {plan_named("other"), "", {}}});
    submitter.submit({{page, "url=z", {}}});
    EXPECT_EQ(ids, (std::vector<PipelineId>{PipelineId(1), PipelineId(2), PipelineId(3)}));
    EXPECT_EQ(feed.submitted.size(), 4u);
    EXPECT_EQ(journal.entries,
              (Entries{"plan 1 page", "plan 2 other", "pipelines 1:1:url=x 2:1:url=y 3:2:", "pipelines 4:1:url=z"}));
}

TEST(Submitter, PlansThatNobodyHasAnyMoreAreLetGoOf) {
    FakeFeed feed;
    FakeJournal journal;
    Submitter submitter(feed, &journal);
    std::weak_ptr<const Plan> first;
    for (int i = 0; i < 1000; ++i) {
        const auto plan = plan_named("page-" + std::to_string(i));
        if (i == 0) first = plan;
        submitter.submit({{plan, "", {}}});
        feed.submitted.clear();
    }
    EXPECT_TRUE(first.expired());
    EXPECT_EQ(journal.entries.size(), 2000u);
    EXPECT_EQ(journal.entries[1998], "plan 1000 page-999");
}

TEST(Submitter, TheSameNameAndDataTwiceIsRefusedAsAWhole) {
    FakeFeed feed;
    FakeJournal journal;
    Submitter submitter(feed, &journal);
    const auto page = plan_named("page");
    submitter.submit({{page, "url=x", {}}});
    EXPECT_THROW(submitter.submit({{page, "url=y", {}}, {page, "url=x", {}}}), SubmittedBefore);
    EXPECT_EQ(feed.submitted.size(), 1u);
    submitter.submit({{page, "url=y", {}}});
    EXPECT_EQ(feed.submitted.size(), 2u) << "the first try left url=y free";
    try {
        submitter.submit({{page, "url=y", {}}});
        FAIL() << "no exception";
    } catch (const SubmittedBefore& error) {
        EXPECT_STREQ(error.what(),
                     "pipeline page[url=y] was started before: results are found by name and --for-each data, "
                     "so each of them runs once; give it other data or another name");
    }
}

TEST(Submitter, AnotherDefinitionOfTheSameNameIsRefused) {
    FakeFeed feed;
    Submitter submitter(feed, nullptr);
    auto other = std::make_shared<Plan>(*plan_named("page"));
    other->definition_text = "another";
    submitter.submit({{plan_named("page"), "url=x", {}}});
    EXPECT_THROW(submitter.submit({{other, "url=y", {}}}), SubmittedBefore);
    submitter.submit({{plan_named("page"), "url=y", {}}});
    EXPECT_EQ(feed.submitted.size(), 2u);
}

TEST(Submitter, WhatWasTakenBeforeTheRunEndedIsWrittenDown) {
    FakeFeed feed;
    FakeJournal journal;
    Submitter submitter(feed, &journal);
    feed.on_submit = [&](PipelineId id, const Submission&) {
        if (id == PipelineId(2)) feed.stops = true;
    };
    const auto page = plan_named("page");
    EXPECT_THROW(submitter.submit({{page, "a", {}}, {page, "b", {}}, {page, "c", {}}}), FeedStopped);
    EXPECT_EQ(journal.entries, (Entries{"plan 1 page", "pipelines 1:1:a 2:1:b"}));
}

TEST(Submitter, AJournalThatCannotBeWrittenIsRemembered) {
    FakeFeed feed;
    FakeJournal journal;
    journal.full = true;
    Submitter submitter(feed, &journal);
    EXPECT_FALSE(submitter.journal_failed());
    EXPECT_THROW(submitter.submit({{plan_named("page"), "", {}}}), StoreError);
    EXPECT_TRUE(submitter.journal_failed());
    EXPECT_TRUE(feed.submitted.empty()) << "nothing runs that was not written down";
}

}  // namespace
}  // namespace penstock
