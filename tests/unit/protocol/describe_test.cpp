#include "protocol/messages.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

JobRun jobs(std::uint32_t pipeline, std::uint32_t first, std::uint32_t count) {
    return {PipelineId(pipeline), JobIndex(first), count};
}

std::string text(RouterMessage m) { return describe(Message(std::move(m))); }
std::string text(PipelinerMessage m) { return describe(Message(std::move(m))); }
std::string text(BrokerMessage m) { return describe(Message(std::move(m))); }

TEST(Describe, MessagesToTheRouter) {
    EXPECT_EQ(text(RouterMessage(msg::Ready{jobs(3, 0, 1000), TemplateIndex(0)})), "Ready 3:[0,1000) t0 attempt 1");
    EXPECT_EQ(text(RouterMessage(msg::Ready{jobs(3, 7, 1), TemplateIndex(2), 4, 5, false})),
              "Ready 3:7 t2 attempt 4 holder 5 to be located");
    EXPECT_EQ(text(RouterMessage(msg::Skipped{jobs(1, 4, 3), JobIndex(0)})), "Skipped 1:[4,7) because of 0");
    EXPECT_EQ(text(RouterMessage(msg::Ended{jobs(1, 4, 3), true, 1, 10, 55, true, ""})),
              "Ended 1:[4,7) succeeded attempt 1 records [10,13) busy 55 ns followed");
    EXPECT_EQ(text(RouterMessage(msg::Ended{jobs(1, 4, 1), false, 2, 10, 55, false, "it broke"})),
              "Ended 1:4 failed attempt 2 records 10 busy 55 ns: it broke");
    EXPECT_EQ(text(RouterMessage(msg::Returned{})), "Returned nothing");
    EXPECT_EQ(
        text(RouterMessage(msg::Returned{{{jobs(1, 4, 2), TemplateIndex(1)}, {jobs(2, 0, 1), TemplateIndex(0), 3}}})),
        "Returned 1:[4,6) t1 attempt 1, 2:0 t0 attempt 3");
    EXPECT_EQ(text(RouterMessage(msg::Durable{17})), "Durable up to 17");
    EXPECT_EQ(text(RouterMessage(msg::Refused{jobs(1, 2, 1), "too big"})), "Refused 1:2: too big");
    EXPECT_EQ(text(RouterMessage(msg::StoreFailed{"disk full"})), "StoreFailed: disk full");
    StageCounts counts;
    counts.items_in = 20;
    counts.items_out = 7;
    EXPECT_EQ(text(RouterMessage(msg::StageProgress{PipelineId(3), JobIndex(8), counts})),
              "StageProgress 3:8 20 items in, 7 out");
    EXPECT_EQ(text(RouterMessage(msg::Bye{{{"noop", {}}}})), "Bye with durations of 1 worker types");
}

TEST(Describe, MessagesToAPipeliner) {
    auto structure = std::make_shared<Structure>();
    structure->first_job = {0, 1, 11};
    structure->edges.resize(1);
    EXPECT_EQ(text(PipelinerMessage(msg::StartPlan{PlanId(2), structure})),
              "StartPlan 2: 2 templates, 11 jobs, 1 edges");
    EXPECT_EQ(text(PipelinerMessage(msg::StartPlan{PlanId(2), nullptr})), "StartPlan 2 without structure");
    EXPECT_EQ(text(PipelinerMessage(msg::StartPipelines{PipelineId(1), 3, PlanId(2)})),
              "StartPipelines [1,4) of plan 2");
    EXPECT_EQ(text(PipelinerMessage(msg::Locate{9, PipelineId(1), {jobs(1, 0, 2), jobs(1, 5, 1)}})),
              "Locate #9 1:[0,2), 1:5");
    EXPECT_EQ(text(PipelinerMessage(msg::Stop{})), "Stop");
}

TEST(Describe, MessagesToABroker) {
    EXPECT_EQ(text(BrokerMessage(msg::PlanBlock{PlanId(1), nullptr, 256, 300, false})),
              "PlanBlock 1 templates [256,300)");
    EXPECT_EQ(text(BrokerMessage(msg::PlanBlock{PlanId(1), nullptr, 0, 256, true})),
              "PlanBlock 1 templates [0,256) with header");
    PipelineInfo info{PipelineId(4), PlanId(1), "url=x", {}};
    EXPECT_EQ(text(BrokerMessage(msg::IntroducePipeline{info, 1, 0})),
              "IntroducePipeline 4 of plan 1 pipeliner 1 instance url=x");
    EXPECT_EQ(text(BrokerMessage(msg::Assign{jobs(1, 0, 5), TemplateIndex(2), 1, 3, true, true})),
              "Assign 1:[0,5) t2 attempt 1 holder 3 reserved");
    EXPECT_EQ(text(BrokerMessage(msg::Recall{4})), "Recall 4");
    EXPECT_EQ(text(BrokerMessage(msg::Located{9, {{JobIndex(0), 2, 3}, {JobIndex(5), 1, msg::kNobody}}})),
              "Located #9 [0,2) at 3, 5 nowhere");
    EXPECT_EQ(text(BrokerMessage(msg::Fetch{2, PipelineId(1), "words", {jobs(1, 0, 1)}})), "Fetch #2 words of 1:0");
    EXPECT_EQ(text(BrokerMessage(msg::Fetched{2, std::vector<std::byte>(12)})), "Fetched #2 12 bytes");
    EXPECT_EQ(text(BrokerMessage(msg::FetchedChunk{2, 100, 1000, std::vector<std::byte>(50)})),
              "FetchedChunk #2 bytes [100,150) of 1000");
    EXPECT_EQ(text(BrokerMessage(msg::ChunkTaken{2, 100})), "ChunkTaken #2 at 100");
    EXPECT_EQ(text(BrokerMessage(msg::Release{jobs(1, 0, 2)})), "Release 1:[0,2)");
    EXPECT_EQ(text(BrokerMessage(msg::ForgetPipeline{PipelineId(1)})), "ForgetPipeline 1");
    EXPECT_EQ(text(BrokerMessage(msg::ForgetPlan{PlanId(2)})), "ForgetPlan 2");
    EXPECT_EQ(text(BrokerMessage(msg::Flush{})), "Flush");
    EXPECT_EQ(text(BrokerMessage(msg::Stop{})), "Stop");
}

TEST(Describe, AnEnvelopeSaysWhoToWhom) {
    Outbox out(3);
    out.to_router(msg::Durable{1});
    EXPECT_EQ(describe(out.sent().at(0)), "3 -> 0: Durable up to 1");
}

TEST(Describe, StaysOneBoundedLine) {
    const std::string hostile = "first\nsecond\r\x1b[31m" + std::string(100'000, 'x');
    const std::string line = text(RouterMessage(msg::Refused{jobs(1, 2, 1), hostile}));
    EXPECT_LT(line.size(), 200u);
    EXPECT_EQ(line.find_first_of("\n\r\x1b"), std::string::npos);

    msg::Returned many;
    many.items.resize(100'000, {jobs(1, 4, 2), TemplateIndex(1)});
    EXPECT_LT(text(RouterMessage(many)).size(), 400u);
    EXPECT_NE(text(RouterMessage(many)).find("and 99992 more"), std::string::npos);
}

}  // namespace
}  // namespace penstock
