// Who gets what: credit, shares, priorities, preferred holders, reserved jobs, taking back.
#include "support/router_fixture.hpp"

#include <numeric>

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kSecond = 1'000'000'000;

class RouterSchedule : public test::RouterTest {
protected:
    // Jobs given to each broker by the next schedule().
    std::map<std::uint32_t, std::uint64_t> given() {
        router_->schedule(now_, out_);
        std::map<std::uint32_t, std::uint64_t> jobs;
        for (const Envelope& e : out_.take())
            if (const auto* inbox = std::get_if<BrokerMessage>(&e.message))
                if (const auto* m = std::get_if<msg::Assign>(inbox)) {
                    jobs[e.to] += m->jobs.count;
                    for (std::uint32_t i = 0; i < m->jobs.count; ++i) at_[e.to].push_back(m->jobs.first.value + i);
                }
        return jobs;
    }
    std::map<std::uint32_t, std::vector<std::uint32_t>> at_;  // jobs that given() saw going there
    void returned(std::uint32_t broker, std::uint32_t first, std::uint32_t count, std::uint32_t job,
                  std::uint32_t pipeline = 1) {
        router_->on(msg::Returned{{{{PipelineId(pipeline), JobIndex(first), count}, TemplateIndex(job)}}}, broker,
                    out_);
    }
};

// ------------------------------------------------------------------------------------------ credit

TEST_F(RouterSchedule, JobsOfUnknownLengthFillSlotsAndNoMore) {
    make({2, 3});
    begin("a[100]");
    ready(0, 100, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:[0,2) t0 attempt 1", "3: Assign 1:[2,5) t0 attempt 1"}));
    EXPECT_EQ(assigned(), Lines());
    EXPECT_EQ(router_->counts().assigned, 5u);
}

TEST_F(RouterSchedule, LongJobsNeverQueueBehindOneAnother) {
    make({2});
    begin("a[100]");
    ready(0, 100, 0);
    given();
    ended(2, 0, 1, true, Router::kLongJob);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:2 t0 attempt 1"}));
    ended(2, 1, 2, true, Router::kLongJob);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:[3,5) t0 attempt 1"}));
}

TEST_F(RouterSchedule, ShortJobsAreGivenAheadForAboutTheHorizon) {
    make({1});
    begin("a[100000]");
    ready(0, 100'000, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    const std::uint64_t ahead = given()[2];
    EXPECT_GE(ahead, static_cast<std::uint64_t>(Router::kHorizon / kMillisecond));
    EXPECT_LE(ahead, static_cast<std::uint64_t>(Router::kHorizon / kMillisecond) + 1);
    EXPECT_EQ(given()[2], 0u);
    ended(2, 1, 5, true, kMillisecond);
    EXPECT_EQ(given()[2], 5u);
}

TEST_F(RouterSchedule, FollowersOfUnknownLengthCountAsWhatTheyFollow) {
    make({1});
    auto plan = plan_of("a[1000]");
    JobTemplate& first = plan->templates[0];
    first.follower = 1;
    JobTemplate second = first;
    second.name = second.worker = "b";
    second.first_job = JobIndex(plan->job_count);
    second.follower = JobTemplate::kNoFollower;
    plan->templates.push_back(second);
    plan->job_count *= 2;
    submit(plan);
    out_.take();
    ready(0, 1000, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    ASSERT_GT(given()[2], 2u);
    for (std::uint32_t job = 1; job < 6; ++job) {
        msg::Ended m;
        m.jobs = {PipelineId(1), JobIndex(job), 1};
        m.succeeded = m.followed = true;
        m.first_record = ++records_[2];
        m.busy_ns = kMillisecond;
        router_->on(m, 2, out_);
    }
    EXPECT_EQ(given()[2], 0u) << "as many jobs are there as before";
}

TEST_F(RouterSchedule, VeryShortJobsAreBoundedByNumber) {
    make({1});
    begin("a[1000000]");
    ready(0, 1'000'000, 0);
    given();
    ended(2, 0, 1, true, 1);
    EXPECT_EQ(given()[2], Router::kMaxAheadPerSlot);
}

TEST_F(RouterSchedule, AMillionJobsAreFewMessages) {
    make({4, 4, 4, 4});
    begin("a[1000000]");
    ready(0, 1'000'000, 0);
    std::map<std::uint32_t, std::uint32_t> next;
    std::uint64_t messages = 0, done = 0;
    while (done < 1'000'000) {
        router_->schedule(now_, out_);
        std::vector<std::pair<std::uint32_t, JobRun>> work;
        for (const Envelope& e : out_.take()) {
            ++messages;
            if (const auto* inbox = std::get_if<BrokerMessage>(&e.message))
                if (const auto* m = std::get_if<msg::Assign>(inbox)) work.emplace_back(e.to, m->jobs);
        }
        ASSERT_FALSE(work.empty()) << done;
        for (const auto& [broker, jobs] : work) {
            ended(broker, jobs.first.value, jobs.count, true, 100);
            done += jobs.count;
        }
    }
    EXPECT_LT(messages, 300u);
    EXPECT_EQ(router_->counts().succeeded, 1'000'000u);
}

// What a broker was given counts as it was guessed when it was given: were it taken off as it is guessed when it ends,
// each change of the mean would leave something behind for as long as the broker has jobs.
TEST_F(RouterSchedule, JobsThatProveLongerKeepTheirPlaceInTheHorizon) {
    make({1});
    begin("a[100000]");
    ready(0, 100'000, 0);
    given();
    ended(2, 0, 1, true, kMillisecond / 100);
    EXPECT_GE(given()[2], 2000u);
    for (std::uint32_t job = 1; job <= 30; ++job) ended(2, job, 1, true, 2 * kMillisecond);
    EXPECT_EQ(given()[2], 0u);  // the 1,970 left would take four seconds
}

TEST_F(RouterSchedule, JobsThatProveShorterLeaveNothingBehind) {
    make({1});
    begin("a[100000]");
    ready(0, 100'000, 0);
    given();
    ended(2, 0, 1, true, 2 * kMillisecond);
    for (std::uint32_t job = 1; job < 5000; ++job) {
        given();
        ASSERT_NE(router_->counts().assigned, 0u);  // or there would be nothing to leave behind
        ended(2, job, 1, true, kMillisecond / 100);
    }
    given();
    EXPECT_GE(router_->counts().assigned, 1900u);  // 20 ms of 10 us
}

TEST_F(RouterSchedule, NearTheEndEverybodyGetsAShare) {
    make({1, 1, 1, 1});
    begin("a[1000]");
    ready(0, 4, 0);
    given();
    for (std::uint32_t broker = 2; broker < 6; ++broker) ended(broker, broker - 2, 1, true, 1000);
    ready(4, 996, 0);
    const auto jobs = given();
    std::uint64_t most = 0;
    for (const auto& [broker, n] : jobs) most = std::max(most, n);
    EXPECT_EQ(jobs.size(), 4u);
    EXPECT_LT(most, 500u);  // the horizon alone would give 20,000 to the first
}

TEST_F(RouterSchedule, TheMeanForgetsAnAccident) {
    make({1});
    begin("a[100000]");
    ready(0, 100'000, 0);
    given();
    ended(2, 0, 1, true, kSecond);  // a cold start
    std::uint32_t next = 1;
    std::uint64_t ahead = 0;
    for (int i = 0; i < 300 && ahead < 100; ++i) {
        const auto n = static_cast<std::uint32_t>(given()[2]);
        ahead = std::max<std::uint64_t>(ahead, n);
        for (std::uint32_t j = 0; j < n; ++j) ended(2, next++, 1, true, 1000);
    }
    EXPECT_GE(ahead, 100u);
}

// ------------------------------------------------------------------------------------------ order

TEST_F(RouterSchedule, HigherPriorityGoesFirst) {
    make({1});
    begin("low; high; a[0] -> low; low : priority -1; high : priority 5; mid");
    ready(0, 1, 0);
    ready(2, 1, 3);
    ready(1, 1, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:1 t1 attempt 1"}));
    ended(2, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:2 t3 attempt 1"}));
    ended(2, 2);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
}

TEST_F(RouterSchedule, OldestFirstWithinAPriorityAcrossPipelines) {
    make({1});
    const auto plan = plan_of("a");
    for (int i = 0; i < 3; ++i) submit(plan);
    out_.take();
    ready(0, 1, 0, msg::kNobody, 3);
    ready(0, 1, 0, msg::kNobody, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 3:0 t0 attempt 1"}));
    ended(2, 0, 1, true, kSecond, 3);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
}

TEST_F(RouterSchedule, ASuccessorGoesWhereItsInputsAre) {
    make({1, 1, 1});
    begin("a => b");
    ready(1, 1, 1, 4);
    EXPECT_EQ(assigned(), (Lines{"4: Assign 1:1 t1 attempt 1 holder 4"}));
}

TEST_F(RouterSchedule, ASuccessorGoesElsewhereRatherThanWait) {
    make({1, 1});
    begin("a[2] => b : twin");
    ready(2, 2, 1, 3);
    EXPECT_EQ(assigned(), (Lines{"3: Assign 1:2 t1 attempt 1 holder 3", "2: Assign 1:3 t1 attempt 1 holder 3"}));
}

// ------------------------------------------------------------------------------------------ reserved jobs

TEST_F(RouterSchedule, AWideJobTakesItsCpusFromTheHost) {
    make(one_host({2, 2}));  // ranks 2 and 3 on one host of four CPUs
    begin("wide[3]; small[10]; wide : cpus 3");
    ready(0, 3, 0);
    ready(3, 10, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1 reserved"}));  // saving up for the next wide one
    ended(2, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:1 t0 attempt 1 reserved"}));
    ended(2, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:2 t0 attempt 1 reserved", "2: Assign 1:3 t1 attempt 1"}));
    ended(2, 2);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:4 t1 attempt 1", "3: Assign 1:[5,7) t1 attempt 1"}));
}

TEST_F(RouterSchedule, ReservedJobsThatEndSideBySideGiveAllTheirRoomBack) {
    make(one_host({4}));
    begin("wide[4]; wide : cpus 2");
    ready(0, 4, 0);
    EXPECT_EQ(assigned().size(), 2u);
    ended(2, 0, 2);  // a broker tells consecutive ends in one message
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_EQ(assigned().size(), 2u);
    ended(2, 2, 2);
    EXPECT_EQ(router_->counts().ignored, 0u);
    durable(2, 4);
    router_->close(out_);
    EXPECT_TRUE(router_->stopping());
}

TEST_F(RouterSchedule, SmallJobsDoNotStarveAWideOne) {
    make(one_host({4}));
    begin("small[100]; wide; wide : cpus 4");
    ready(0, 100, 0);
    EXPECT_EQ(given()[2], 4u);
    ready(100, 1, 1);
    for (std::uint32_t job = 0; job < 3; ++job) {
        ended(2, job);
        EXPECT_EQ(assigned(), Lines()) << job;
    }
    ended(2, 3);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:100 t1 attempt 1 reserved"}));
    ended(2, 100);
    EXPECT_EQ(given()[2], 4u);
}

// Two at a time of a stream of two-CPU jobs would keep a four-CPU job waiting as long as the stream lasts.
TEST_F(RouterSchedule, NarrowerReservedJobsDoNotStarveAWideOne) {
    make(one_host({4}));
    begin("pair[100]; wide; pair : cpus 2; wide : cpus 4");
    ready(0, 100, 0);
    EXPECT_EQ(assigned().size(), 2u);
    ready(100, 1, 1);
    ended(2, 0);
    EXPECT_EQ(assigned(), Lines());
    ended(2, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:100 t1 attempt 1 reserved"}));
    ended(2, 100);
    EXPECT_EQ(assigned().size(), 2u);
}

TEST_F(RouterSchedule, SmallMemoryDoesNotStarveLargeMemory) {
    Setup s = one_host({8});
    s.hosts[0].memory_bytes = 1000;
    make(s);
    begin("some[100]; much; plain[100]; some : memory 500; much : memory 1000");
    ready(0, 100, 0);
    EXPECT_EQ(assigned().size(), 2u);
    ready(100, 1, 1);
    ended(2, 0);
    EXPECT_EQ(assigned(), Lines());
    ready(101, 1, 2);  // needs none of what is saved up
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:101 t2 attempt 1"}));
    ended(2, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:100 t1 attempt 1 reserved"}));
}

TEST_F(RouterSchedule, AFewLicencesDoNotStarveMany) {
    Setup s = own_hosts({4, 4});
    s.named = {{"matlab", 3}};
    make(s);
    begin("one[100]; all; plain[100]; one : named matlab 1; all : named matlab 3");
    ready(0, 100, 0);
    EXPECT_EQ(assigned().size(), 3u);
    ready(100, 1, 1);
    ended(2, 0);
    EXPECT_EQ(assigned(), Lines());
    ready(101, 1, 2);
    EXPECT_EQ(assigned().size(), 1u);
    ended(3, 1);
    ended(2, 2);
    EXPECT_EQ(assigned().size(), 1u);
    EXPECT_EQ(router_->counts().assigned, 2u);
}

TEST_F(RouterSchedule, NamedResourcesLimitTheWholeRun) {
    Setup s = own_hosts({4, 4});
    s.named = {{"matlab", 3}};
    make(s);
    begin("a[10]; a : named matlab 1");
    ready(0, 10, 0);
    EXPECT_EQ(assigned().size(), 3u);
    ended(2, 0);
    EXPECT_EQ(assigned().size(), 1u);
}

TEST_F(RouterSchedule, MemoryLimitsEachHost) {
    Setup s = own_hosts({4, 4});
    s.hosts[0].memory_bytes = 1000;
    s.hosts[1].memory_bytes = 2000;
    make(s);
    begin("a[10]; a : memory 900");
    ready(0, 10, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1 reserved", "3: Assign 1:1 t0 attempt 1 reserved",
                                 "3: Assign 1:2 t0 attempt 1 reserved"}));
}

TEST_F(RouterSchedule, AReservedJobPrefersTheBrokerThatHoldsItsInputs) {
    make(one_host({2, 2}));
    begin("a => wide; wide : cpus 2");
    ready(1, 1, 1, 3);
    EXPECT_EQ(assigned(), (Lines{"3: Assign 1:1 t1 attempt 1 holder 3 reserved"}));
}

TEST_F(RouterSchedule, HigherPriorityReservedJobsGoFirst) {
    make(one_host({4}));
    begin("low; high; low, high : cpus 4; high : priority 1");
    ready(0, 1, 0);
    ready(1, 1, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:1 t1 attempt 1 reserved"}));
    ended(2, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1 reserved"}));
}

TEST_F(RouterSchedule, OneCpuJobsBesideReservedOnesStayWithinTheHost) {
    make(one_host({4, 4}));
    begin("wide; small[100]; wide : cpus 5");
    ready(0, 1, 0);
    given();
    ready(1, 100, 1);
    const auto jobs = given();
    EXPECT_EQ(std::accumulate(jobs.begin(), jobs.end(), std::uint64_t{0},
                              [](std::uint64_t sum, const auto& j) { return sum + j.second; }),
              3u);
}

// A broker that got nothing while its host saved up for a wide job must get work again when that job went elsewhere.
TEST_F(RouterSchedule, ABrokerIsNotForgottenWhenItsHostNoLongerSavesUp) {
    Setup s = one_host({1, 1});      // ranks 2 and 3 on host a
    s.brokers.push_back({4, 1, 2});  // rank 4 on host b
    s.hosts.push_back({"b", 2, 0});
    make(s);
    begin("small[100]; wide[2]; wide : cpus 2");
    ready(0, 1, 0);  // at rank 2: host a has one CPU left
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    ready(100, 1, 1);  // the first wide one takes host b
    EXPECT_EQ(assigned(), (Lines{"4: Assign 1:100 t1 attempt 1 reserved"}));
    ready(101, 1, 1);  // for the second one a host is saved up
    ready(1, 1, 0);
    EXPECT_EQ(assigned(), Lines());
    ended(4, 100);  // host b is free first
    EXPECT_EQ(assigned(), (Lines{"4: Assign 1:101 t1 attempt 1 reserved", "3: Assign 1:1 t0 attempt 1"}));
}

// ------------------------------------------------------------------------------------------ taking back

TEST_F(RouterSchedule, TakesBackFromTheBusiestForAnIdleBroker) {
    make({1, 1});
    begin("a[20]");
    ready(0, 2, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    at_.clear();
    ready(2, 18, 0);
    auto jobs = given();
    EXPECT_EQ(jobs[2] + jobs[3], 18u);
    EXPECT_GT(jobs[2], 1u);
    for (const std::uint32_t job : at_[2]) ended(2, job, 1, true, kMillisecond);
    const Lines recall = scheduled();
    ASSERT_EQ(recall.size(), 1u);
    EXPECT_EQ(recall[0], "3: Recall " + std::to_string((jobs[3] + 1 - 1 + 1) / 2));
    EXPECT_EQ(scheduled(), Lines()) << "one question at a time";
    const std::uint32_t last = at_[3].back();
    returned(3, last, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:" + std::to_string(last) + " t0 attempt 1"}));
}

TEST_F(RouterSchedule, DoesNotTakeBackWhileThereIsOtherWork) {
    make({1, 1});
    begin("a[20]; b[100]");
    ready(0, 2, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    ended(3, 1, 1, true, kMillisecond);
    ready(2, 18, 0);
    given();
    ready(20, 100, 1);
    given();
    EXPECT_EQ(only("Recall"), Lines());
}

// A broker that has nothing to give back (what it has waits for inputs, say) would else be asked again by return of
// post, and again, as fast as messages travel.
TEST_F(RouterSchedule, DoesNotAskAgainWhereThereWasNothing) {
    make({1, 1});
    begin("a[20]");
    ready(0, 2, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    ended(3, 1, 1, true, kMillisecond);
    at_.clear();
    ready(2, 4, 0);
    auto jobs = given();
    ASSERT_EQ(jobs[2], 2u);
    for (const std::uint32_t job : at_[2]) ended(2, job, 1, true, kMillisecond);
    EXPECT_EQ(scheduled(), (Lines{"3: Recall 1"}));
    router_->on(msg::Returned{}, 3, out_);
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(scheduled(), Lines());
}

// Be its last answer empty or not.
TEST_F(RouterSchedule, AsksAgainWhereAJobHasEnded) {
    make({1, 1});
    begin("a[20]");
    ready(0, 2, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    at_.clear();
    ready(2, 18, 0);
    given();
    for (const std::uint32_t job : at_[2]) ended(2, job, 1, true, kMillisecond);
    EXPECT_EQ(scheduled().size(), 1u);
    router_->on(msg::Returned{}, 3, out_);
    EXPECT_EQ(scheduled(), Lines());
    ended(3, 1, 1, true, kMillisecond);
    EXPECT_EQ(scheduled().size(), 1u);
    returned(3, at_[3].back(), 1, 0);
    EXPECT_EQ(assigned().size(), 1u);
    ended(2, at_[3].back(), 1, true, kMillisecond);
    EXPECT_EQ(scheduled().size(), 1u);
}

TEST_F(RouterSchedule, DoesNotTakeBackForAHostThatSavesUp) {
    make({2, 2});
    begin("a[20]; wide; wide : cpus 2");
    ready(0, 1, 0);
    given();
    ended(2, 0, 1, true, kMillisecond);
    ready(1, 6, 0);
    EXPECT_EQ(given(), (std::map<std::uint32_t, std::uint64_t>{{2, 3}, {3, 3}}));
    ended(2, 1, 2, true, kMillisecond);
    ready(20, 1, 1);
    // Rank 2 could run one more, rank 3 has one too many; but the wide job waits for rank 2's host.
    EXPECT_EQ(scheduled(), Lines());
    ended(2, 5, 1, true, kMillisecond);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:20 t1 attempt 1 reserved"}));
}

}  // namespace
}  // namespace penstock
