// How MPipe breaks, and what happens here instead.
#include "harness.hpp"
#include "mpipe_workers.hpp"
#include "parallelpipe_workers.hpp"

#include <algorithm>

namespace penstock::parity {

namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

const StageSpec kIncrement = stage<Add>({{"n", 1}});

std::string sized(std::int64_t n, std::size_t bytes) {
    std::string text = std::to_string(n) + ":";
    text.resize(bytes, static_cast<char>('a' + n % 26));
    return text;
}

// There, results() waits for ever.
void ends_with_an_error(const StageSpec& failing, const std::string& cause) {
    for (const std::int64_t workers : {1, 3}) {
        StreamHandle stream = manager().stream(
            StreamPipeline(name() + std::to_string(workers), failing.workers(workers) | kIncrement.workers(2)));
        for (std::int64_t i = 0; i < 100; ++i) stream.put(i);
        stream.close();
        try {
            results_of(stream);
            FAIL() << "no error";
        } catch (const StreamError& error) {
            EXPECT_EQ(error.stage(), failing.worker());
            EXPECT_THAT(error.cause(), testing::HasSubstr(cause));
        }
        EXPECT_EQ(stream.wait().state, PipelineStatus::State::failed);
    }
}
void costs_one_item(const StageSpec& failing) {
    auto expected = iota(1, 100);
    expected.erase(expected.begin() + 50);
    EXPECT_EQ(numbers(results_of(source(iota(0, 100)) | failing.workers(2).ordered().on_error(ItemFailure::skip) |
                                 kIncrement)),
              expected);
}
TEST(mpipe_breakages, a_raising_worker) {
    const StageSpec fragile = stage<Fragile>({{"at", 50}});
    ends_with_an_error(fragile, "it broke");
    costs_one_item(fragile);
}
TEST(mpipe_breakages, a_killed_worker) {
    const StageSpec dies = stage<Dies>({{"at", 50}});
    ends_with_an_error(dies, "SIGKILL");
    costs_one_item(dies);
}

TEST(mpipe_breakages, ordered_with_several_workers_and_dropped_items) {
    constexpr std::int64_t kItems = 5000;
    auto expected = iota(0, kItems / 2);
    for (std::int64_t& one : expected) one = 2 * one + 1;
    EXPECT_EQ(numbers(results_of(source(iota(0, kItems)) | stage<Every>({{"rest", 0}}).workers(3).ordered() |
                                 kIncrement.workers(3).ordered())),
              expected);
}

TEST(mpipe_breakages, ordered_with_several_results_per_item) {
    constexpr std::int64_t kItems = 2000;
    List expected;
    for (std::int64_t i = 0; i < kItems; ++i)
        for (std::int64_t k = 0; k < i % 4; ++k) expected.push_back(List{i, k});
    const List all = results_of(source(iota(0, kItems)) | stage<Several>().workers(3).ordered() |
                                stage<Same>().workers(2).ordered());
    EXPECT_TRUE(all == expected) << all.size() << " items";
}

// The end must not overtake what other workers still have.
TEST(mpipe_breakages, unordered_with_several_workers_loses_nothing_in_100_runs) {
    const StreamPipeline pipeline(name(), kIncrement.workers(2) | stage<Double>().workers(3).save_none());
    const std::vector<std::int64_t> expected{2, 4, 6, 8, 10, 12, 14, 16, 18, 20};
    for (int run = 0; run < 100; ++run) {
        StreamHandle stream = manager().stream(pipeline);
        for (std::int64_t i = 0; i < 10; ++i) ASSERT_TRUE(stream.put(i));
        stream.close();
        ASSERT_THAT(numbers(results_of(stream)), UnorderedElementsAreArray(expected)) << "run " << run;
    }
}
TEST(mpipe_breakages, unordered_with_several_workers_loses_nothing_of_200000) {
    constexpr std::int64_t kItems = 200'000;
    auto all =
        numbers(results_of(source(iota(0, kItems)) | kIncrement.workers(2) | stage<Same>().workers(2).save_none()));
    std::sort(all.begin(), all.end());
    EXPECT_TRUE(all == iota(1, kItems)) << all.size() << " items";
}

TEST(mpipe_breakages, unordered_into_ordered_with_large_items) {
    constexpr std::int64_t kItems = 300;
    for (const std::size_t bytes : {21'000u, 100'000u}) {
        StreamHandle stream = manager().stream(
            StreamPipeline(name(), stage<Same>().workers(3) | stage<Same>().workers(3).ordered().save_none()));
        for (std::int64_t i = 0; i < kItems; ++i) ASSERT_TRUE(stream.put(sized(i, bytes)));
        stream.close();
        std::vector<std::int64_t> seen;
        for (const Value& item : stream.results()) {
            seen.push_back(std::stoll(item.string()));
            ASSERT_TRUE(item.string() == sized(seen.back(), bytes)) << "item " << seen.back() << " has changed";
        }
        EXPECT_THAT(seen, UnorderedElementsAreArray(iota(0, kItems)));
    }
}

TEST(mpipe_breakages, two_stages_into_one) {
    const Flow items = source(iota(0, 5000));
    auto expected = iota(1, 5000);
    for (std::int64_t i = 0; i < 5000; ++i) expected.push_back(2 * i);
    std::sort(expected.begin(), expected.end());
    auto all = numbers(results_of(merge::any({items | kIncrement.workers(2), items | stage<Double>().workers(2)}) |
                                  stage<Same>().workers(2)));
    std::sort(all.begin(), all.end());
    EXPECT_TRUE(all == expected) << all.size() << " items";
}

// There, a program that does not say the end never exits.
TEST(mpipe_breakages, the_end_of_input_may_be_missing) {
    PipelineNumber number;
    {
        StreamHandle stream =
            manager().stream(StreamPipeline(name(), kIncrement.workers(2).ordered() | stage<Total>()));
        number = stream.number();
        for (std::int64_t i = 0; i < 10; ++i) EXPECT_TRUE(stream.put(i));
    }
    EXPECT_EQ(manager().wait(number).state, PipelineStatus::State::succeeded);

    StreamHandle waited = manager().stream(StreamPipeline(name() + ".waited", kIncrement.workers(2).ordered()));
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_TRUE(waited.put(i));
    EXPECT_EQ(waited.wait().state, PipelineStatus::State::succeeded) << "waiting says it";
    EXPECT_EQ(numbers(results_of(waited)), iota(1, 10));
}
TEST(mpipe_breakages, the_end_of_input_may_come_early) {
    StreamHandle empty =
        manager().stream(StreamPipeline(name(), kIncrement.workers(2).ordered() | stage<Double>().workers(2)));
    empty.close();
    EXPECT_THAT(results_of(empty), IsEmpty());
    EXPECT_EQ(empty.wait().state, PipelineStatus::State::succeeded);

    const Gate shut;
    StreamHandle stopped = manager().stream(
        StreamPipeline(name() + ".stopped", stage<Guarded>({{"gate", shut.path()}}).workers(2).ordered()));
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_TRUE(stopped.put(i));
    stopped.close();
    stopped.stop();
    EXPECT_EQ(manager().wait(stopped.number()).state, PipelineStatus::State::succeeded);
}

// There, what fits a pipe may be put, and no more.
TEST(mpipe_breakages, ordered_takes_everything_before_anything_is_got) {
    for (const std::size_t bytes : {1'000u, 200'000u}) {
        const auto items = static_cast<std::int64_t>(20'000'000 / bytes);
        StreamHandle stream = manager().stream(StreamPipeline(
            name(), stage<Same>().workers(2).ordered() | stage<Same>().workers(2).ordered().save_none()));
        for (std::int64_t i = 0; i < items; ++i) ASSERT_TRUE(stream.put(sized(i, bytes)));
        stream.close();
        std::int64_t got = 0;
        for (const Value& item : stream.results()) ASSERT_TRUE(item.string() == sized(got++, bytes)) << got;
        EXPECT_EQ(got, items);
    }
}

}  // namespace

}  // namespace penstock::parity
