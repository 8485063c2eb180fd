#include "run/stage_job.hpp"

#include "core/stage.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace penstock {
namespace {

std::shared_ptr<const PipelineContext> a_source() {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    JobTemplate t;
    t.name = t.worker = "source";
    plan->templates.push_back(t);
    plan->stages.emplace_back();
    plan->stages[0].form = StageForm::source;
    complete_stream(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);
    return context;
}

std::uint64_t object_asked_for(const JobStart& start) {
    StageJob job(start, 0);
    const std::optional<Ticket> ticket = job.next(true, 1);
    return stage_request(std::move(*ticket->batch)).stream_job;
}

TEST(StageJob, AStageThatStartsAgainAtTheSameBrokerAsksForAFreshObject) {
    const auto pipeline = a_source();
    EXPECT_NE(object_asked_for({5, pipeline, TemplateIndex(0), 0, 1}),
              object_asked_for({6, pipeline, TemplateIndex(0), 0, 2}));
}

TEST(StageJob, AnswersOfOneStartComeFromOneObject) {
    const JobStart start{5, a_source(), TemplateIndex(0), 0, 1};
    EXPECT_EQ(object_asked_for(start), object_asked_for(start));
}

}  // namespace
}  // namespace penstock
