// What a job costs does not grow with the number of jobs: counted in messages, so that no clock is asked.
#include "sim/simulate.hpp"

#include "support/plans.hpp"

#include <gtest/gtest.h>

namespace penstock::sim {
namespace {

// One pipeline on four brokers of four slots.
Outcome run(const std::string& graph) {
    Scenario s;
    s.ranks = 6;
    s.pipeliners = {1};
    for (std::uint32_t b = 0; b < 4; ++b) {
        s.hosts.push_back({"host" + std::to_string(b), 4, 0});
        s.brokers.push_back({b + 2, b, 4});
    }
    s.plans = {test::plan_of(graph)};
    s.jobs = s.plans.front()->job_count;
    s.submissions = {{}};
    s.longest_job = 100'000;
    return simulate(s);
}

double messages_a_job(const std::string& graph) {
    const Outcome outcome = run(graph);
    EXPECT_FALSE(outcome.violation) << graph << ": " << outcome.violation->what();
    return static_cast<double>(outcome.messages) / static_cast<double>(outcome.jobs);
}

TEST(Growth, AFanOfAHundredThousandCostsNoMoreAJobThanOneOfAThousand) {
    EXPECT_LE(messages_a_job("work[100000]"), messages_a_job("work[1000]"));
}

TEST(Growth, NeitherDoesReducingIt) {
    EXPECT_LE(messages_a_job("work[100000] -> all"), messages_a_job("work[1000] -> all"));
}

}  // namespace
}  // namespace penstock::sim
