#include "run/value_exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include <unistd.h>

namespace penstock {
namespace {

// A plan of `producers` (with so many instances each) and one consumer that reads their key "x" by one binding.
std::shared_ptr<Plan> plan_with(std::vector<std::uint32_t> producers, Binding binding, std::uint32_t consumers = 1) {
    auto plan = std::make_shared<Plan>();
    plan->name = "p";
    for (std::uint32_t i = 0; i < producers.size(); ++i) {
        JobTemplate t;
        t.name = "producer-" + std::to_string(i);
        t.first_job = JobIndex(plan->job_count);
        t.count = producers[i];
        plan->job_count += t.count;
        plan->templates.push_back(std::move(t));
    }
    JobTemplate consumer;
    consumer.name = "consumer";
    consumer.first_job = JobIndex(plan->job_count);
    consumer.count = consumers;
    binding.from = Binding::From::outputs;
    binding.key = binding.source_key = "x";
    consumer.bindings.push_back(std::move(binding));
    plan->job_count += consumers;
    plan->templates.push_back(std::move(consumer));
    return plan;
}

FetchedInputs with_values(std::vector<Value> values) { return {std::move(values), ""}; }

// Brokers 2 and 3 and a pipeliner that knows where everything is; messages are delivered until none is left.
class ValueExchangeTest : public ::testing::Test {
protected:
    explicit ValueExchangeTest(std::uint64_t cache_bytes = 1ull << 32)
        : folder_(std::filesystem::temp_directory_path() / ("value-exchange-" + std::to_string(getpid()))),
          cache2_(folder_, 2, cache_bytes),
          cache3_(folder_, 3, cache_bytes),
          two_(2, cache2_),
          three_(3, cache3_) {}
    ~ValueExchangeTest() override { std::filesystem::remove_all(folder_); }

    void keep(std::uint32_t broker, std::uint32_t job, Value value) {
        auto document = std::make_shared<Document>(Document{{"x", std::move(value)}});
        (broker == 2 ? cache2_ : cache3_).keep(kPipeline, JobIndex(job), std::move(document));
        holders_[job] = broker;
    }

    // The inputs of an instance of the consumer at broker 2.
    FetchedInputs fetch(const std::shared_ptr<Plan>& plan, std::uint32_t instance = 0, bool located = false,
                        std::uint32_t holder = msg::kNobody) {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan;
        context->info.id = kPipeline;
        const TemplateIndex consumer(static_cast<std::uint32_t>(plan->templates.size()) - 1);
        Outbox out(2);
        two_.fetch({kTicket, context, consumer, instance, 1}, holder, located, 1, out);
        deliver(out.take());
        EXPECT_EQ(two_.take_arrived(), std::vector<std::uint64_t>({kTicket}));
        return std::move(*two_.take_inputs(kTicket));
    }

    void deliver(std::vector<Envelope> sent) {
        std::deque<Envelope> queue(sent.begin(), sent.end());
        while (!queue.empty()) {
            const Envelope e = std::move(queue.front());
            queue.pop_front();
            ++messages_;
            Outbox out(e.to);
            if (const auto* to_pipeliner = std::get_if<PipelinerMessage>(&e.message))
                out.to_broker(e.from, locate(std::get<msg::Locate>(*to_pipeliner)));
            else
                std::visit([&](const auto& m) { give(e.to == 2 ? two_ : three_, m, e.from, out); },
                           std::get<BrokerMessage>(e.message));
            for (Envelope& answer : out.take()) queue.push_back(std::move(answer));
        }
    }

    template <class M>
    static void give(ValueExchange& to, const M& m, std::uint32_t from, Outbox& out) {
        if constexpr (requires { to.on(m, from, out); })
            to.on(m, from, out);
        else
            FAIL() << "not a message about values";
    }

    msg::Located locate(const msg::Locate& question) {
        msg::Located answer{question.request, {}};
        for (const JobRun& run : question.jobs)
            for (std::uint32_t i = 0; i < run.count; ++i) {
                const auto at = holders_.find(run.first.value + i);
                answer.runs.push_back(
                    {JobIndex(run.first.value + i), 1, at == holders_.end() ? msg::kNobody : at->second});
            }
        return answer;
    }

    static constexpr PipelineId kPipeline{5};
    static constexpr std::uint64_t kTicket = 77;
    std::filesystem::path folder_;
    ValueCache cache2_, cache3_;
    ValueExchange two_, three_;
    std::map<std::uint32_t, std::uint32_t> holders_;
    int messages_ = 0;
};

Binding from_all(std::vector<std::uint32_t> templates, Missing missing = Missing::fail) {
    Binding b;
    for (std::uint32_t t : templates) b.producers.push_back({TemplateIndex(t), Relation::all, 0});
    b.list = true;
    b.missing = missing;
    return b;
}

TEST_F(ValueExchangeTest, ALocalInputNeedsNoMessage) {
    Binding b = from_all({0});
    b.list = false;
    keep(2, 0, 42);
    EXPECT_EQ(fetch(plan_with({1}, b), 0, true, 2), with_values({Value(42)}));
    EXPECT_EQ(messages_, 0);
}

TEST_F(ValueExchangeTest, AnInputElsewhereIsAskedForOnce) {
    Binding b = from_all({0});
    b.list = false;
    keep(3, 0, "there");
    EXPECT_EQ(fetch(plan_with({1}, b), 0, true, 3), with_values({Value("there")}));
    EXPECT_EQ(messages_, 2);  // Fetch, Fetched
}

TEST_F(ValueExchangeTest, AFanInIsInTheOrderOfTheListWhereverTheValuesAre) {
    for (std::uint32_t j = 0; j < 6; ++j) keep(j % 2 == 0 ? 2 : 3, j, j * 10);
    EXPECT_EQ(fetch(plan_with({2, 4}, from_all({0, 1}))),
              with_values({Value(List{Value(0), Value(10), Value(20), Value(30), Value(40), Value(50)})}));
    EXPECT_EQ(messages_, 4);  // Locate, Located, Fetch, Fetched
}

TEST_F(ValueExchangeTest, AListMayReadDifferentKeysInItsOwnOrder) {
    for (std::uint32_t j = 0; j < 4; ++j) {
        const Document outputs{{"x", Value(j)}, {"other", Value(j * 10)}};
        (j % 2 == 0 ? cache2_ : cache3_).keep(kPipeline, JobIndex(j), std::make_shared<const Document>(outputs));
        holders_[j] = j % 2 == 0 ? 2 : 3;
    }
    Binding b = from_all({1, 0, 1});
    b.other_keys = {"other"};
    b.producers[2].other_key = 1;
    EXPECT_EQ(fetch(plan_with({2, 2}, b)),
              with_values({Value(List{Value(2), Value(3), Value(0), Value(1), Value(20), Value(30)})}));
}

TEST_F(ValueExchangeTest, MissingValuesAreDroppedOrNull) {
    for (std::uint32_t j : {0u, 2u}) keep(3, j, j);
    EXPECT_EQ(fetch(plan_with({3}, from_all({0}, Missing::drop))), with_values({Value(List{Value(0), Value(2)})}));
    EXPECT_EQ(fetch(plan_with({3}, from_all({0}, Missing::null))),
              with_values({Value(List{Value(0), Value(), Value(2)})}));
}

// A job that failed at a broker has left no value there: the answer says so, and goes on.
TEST_F(ValueExchangeTest, AnAnswerGoesOnBehindAValueThatIsNotThere) {
    for (std::uint32_t j : {0u, 2u}) keep(3, j, j);
    holders_[1] = 3;
    EXPECT_EQ(fetch(plan_with({3}, from_all({0}, Missing::null))),
              with_values({Value(List{Value(0), Value(), Value(2)})}));
    EXPECT_EQ(messages_, 4) << "Locate, Located, Fetch, Fetched: one question";
}

TEST_F(ValueExchangeTest, AMissingValueThatIsNotAllowedEndsTheInputs) {
    keep(3, 0, 1);
    EXPECT_TRUE(fetch(plan_with({2}, from_all({0}))).values.empty());
}

TEST_F(ValueExchangeTest, TwinsAndGroupsReadTheirOwn) {
    for (std::uint32_t j = 0; j < 4; ++j) keep(3, j, j);
    Binding twin;
    twin.producers.push_back({TemplateIndex(0), Relation::twin, 0});
    EXPECT_EQ(fetch(plan_with({4}, twin, 4), 2), with_values({Value(2)}));

    Binding group;
    group.producers.push_back({TemplateIndex(0), Relation::group, 0});
    group.list = true;
    auto plan = plan_with({4}, group, 2);
    plan->groupings.push_back({{0, 1, 0, 1}, 2});
    EXPECT_EQ(fetch(plan, 1), with_values({Value(List{Value(1), Value(3)})}));
}

TEST_F(ValueExchangeTest, ALargeArrayTravelsInChunksAndIsNotCopiedAgain) {
    std::vector<double> numbers(1'000'000);
    std::iota(numbers.begin(), numbers.end(), 0.5);
    Binding b = from_all({0});
    b.list = false;
    keep(3, 0, Value(numbers));
    const FetchedInputs inputs = fetch(plan_with({1}, b), 0, true, 3);
    ASSERT_EQ(inputs.values.size(), 1u);
    EXPECT_EQ(inputs.values[0], Value(numbers));
    const std::size_t chunks = (8'000'000 + ValueExchange::kChunkBytes) / ValueExchange::kChunkBytes;
    EXPECT_EQ(static_cast<std::size_t>(messages_), 1 + 2 * chunks);  // Fetch, then a chunk and its ChunkTaken each
    EXPECT_EQ(two_.ignored() + three_.ignored(), 0u);
}

class SmallCaches : public ValueExchangeTest {
protected:
    SmallCaches() : ValueExchangeTest(10'000) {}
};

TEST_F(SmallCaches, AValueThatCannotBeReadIsNotTakenForAMissingOne) {
    for (const std::uint32_t holder : {2u, 3u}) {
        keep(holder, 0, Value(std::vector<double>(1000)));
        keep(holder, 1, Value(std::vector<double>(1000)));  // pushes the first one out
        ASSERT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
        std::ofstream(std::filesystem::directory_iterator(folder_)->path(), std::ios::in | std::ios::out).seekp(20)
            << '!';
        for (const Missing missing : {Missing::fail, Missing::drop, Missing::null}) {
            const FetchedInputs inputs = fetch(plan_with({2}, from_all({0}, missing)));
            EXPECT_THAT(inputs.problem, ::testing::EndsWith("is not as it was written: somebody changed the run "
                                                            "directory, or its disk fails"));
        }
        (holder == 2 ? cache2_ : cache3_).forget(kPipeline);
    }
}

TEST_F(ValueExchangeTest, AnAnswerThatMakesNoSenseFailsTheJobThatAsked) {
    Outbox out(2);
    Binding b = from_all({0});
    auto context = std::make_shared<PipelineContext>();
    context->plan = plan_with({1}, b);
    context->info.id = kPipeline;
    two_.fetch({kTicket, context, TemplateIndex(1), 0, 1}, 3, true, 1, out);
    two_.on(msg::Fetched{1, {std::byte{1}, std::byte{255}}}, 3, out);
    ASSERT_EQ(two_.take_arrived(), std::vector<std::uint64_t>({kTicket}));
    EXPECT_THAT(two_.take_inputs(kTicket)->problem, ::testing::StartsWith("what another broker sent cannot be read: "));
}

TEST_F(ValueExchangeTest, AnswersNobodyAskedForAreCountedAndDropped) {
    Outbox out(2);
    two_.on(msg::Fetched{99, {}}, 3, out);
    two_.on(msg::FetchedChunk{99, 0, 10, std::vector<std::byte>(10)}, 3, out);
    two_.on(msg::Located{99, {}}, 1, out);
    EXPECT_EQ(two_.ignored(), 3u);
    EXPECT_TRUE(out.empty());
    EXPECT_TRUE(two_.take_arrived().empty());
}

}  // namespace
}  // namespace penstock
