// What could make the stages of a stream wait for one another for ever, one test each. That they end is what they test
// first; then that nothing is missing or out of its order.
#include "deadlock_workers.hpp"
#include "harness.hpp"
#include "parallelpipe_workers.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace penstock::parity {

namespace {

const StageSpec kSame = stage<Same>();

std::string sized(std::int64_t number, std::size_t bytes) {
    std::string text = std::to_string(number);
    text.resize(bytes, '.');
    return text;
}

constexpr std::int64_t kItems = 300;
constexpr std::size_t kBytes = 150'000;  // of them all: 45 MB, more than links and memory of a buffer may have

// The left branch says nothing before it has seen everything; the right one goes on meanwhile.
List of_a_fork_into(Flow (*merge)(std::vector<Flow>)) {
    const Flow both = kSame;
    StreamHandle stream = manager().stream(
        StreamPipeline(name(), merge({both | fold<HowMany>(), both | kSame.workers(2).ordered()}) | kSame.save_none()));
    for (std::int64_t i = 0; i < kItems; ++i) EXPECT_TRUE(stream.put(sized(i, kBytes)));
    stream.close();
    return results_of(stream);
}

TEST(deadlock_rules, fork_into_concat) {
    const List got = of_a_fork_into(&merge::concat);
    ASSERT_EQ(got.size(), kItems + 1u);
    EXPECT_EQ(got[0], Value(kItems));
    for (std::int64_t i = 0; i < kItems; ++i)
        ASSERT_TRUE(got[static_cast<std::size_t>(i) + 1] == sized(i, kBytes)) << i;
}

TEST(deadlock_rules, fork_into_interleave) {
    const List got = of_a_fork_into(&merge::interleave);
    ASSERT_EQ(got.size(), kItems + 1u);
    EXPECT_EQ(got[0], Value(kItems));
    for (std::int64_t i = 0; i < kItems; ++i)
        ASSERT_TRUE(got[static_cast<std::size_t>(i) + 1] == sized(i, kBytes)) << i;
}

TEST(deadlock_rules, fork_into_zip) {
    EXPECT_TRUE((of_a_fork_into(&merge::zip) == List{List{kItems, sized(0, kBytes)}}));
}

TEST(deadlock_rules, two_sources_merged_in_both_orders) {
    constexpr std::int64_t kMany = 3'000;
    const Flow left = source("range", {{"stop", kMany}}).named("left");
    const Flow right = source("range", {{"start", kMany}, {"stop", 2 * kMany}}).named("right");
    StreamHandle stream = manager().stream(StreamPipeline(
        name(), {merge::concat({left | kSame.queue(10), right | kSame.queue(10)}) | kSame.named("one"),
                 merge::concat({right | kSame.queue(10), left | kSame.queue(10)}) | kSame.named("other")}));
    stream.close();
    List one, other;
    for (const Value& item : stream.results("one")) one.push_back(item);
    for (const Value& item : stream.results("other")) other.push_back(item);
    EXPECT_EQ(numbers(one), iota(0, 2 * kMany));
    std::vector<std::int64_t> turned = iota(0, 2 * kMany);
    std::rotate(turned.begin(), turned.begin() + kMany, turned.end());
    EXPECT_EQ(numbers(other), turned);
}

// Of three workers that keep order, two have filled what may wait behind them before the first makes anything.
TEST(deadlock_rules, a_full_window_with_the_missing_item_outside) {
    std::string marks = (std::filesystem::temp_directory_path() / "marks-XXXXXX").string();
    ASSERT_NE(::mkdtemp(marks.data()), nullptr);
    constexpr std::int64_t kNumbers = 9, kResults = 8;
    StreamHandle stream = manager().stream(StreamPipeline(
        name(), stage<Mebibytes>({{"results", kResults}, {"marks", marks}}).workers(3).ordered().queue(1) |
                    kSame.queue(1).save_none()));
    for (std::int64_t i = 0; i < kNumbers; ++i) ASSERT_TRUE(stream.put(i));
    stream.close();
    std::int64_t got = 0;
    for (const Value& item : stream.results()) {
        ASSERT_TRUE(item.string() == Mebibytes::item(got / kResults, got % kResults)) << got;
        ++got;
    }
    EXPECT_EQ(got, kNumbers * kResults);
    std::filesystem::remove_all(marks);
}

TEST(deadlock_rules, an_item_larger_than_the_window) {
    constexpr std::size_t kLarge = 24 << 20;
    const Flow first = kSame.workers(2).ordered().queue(1);
    StreamHandle stream = manager().stream(StreamPipeline(
        name(), merge::zip({first | kSame.queue(1), first | kSame}) | kSame.workers(2).ordered().save_none()));
    for (std::int64_t i = 0; i < 5; ++i) ASSERT_TRUE(stream.put(sized(i, kLarge)));
    stream.close();
    std::int64_t got = 0;
    for (const Value& pair : stream.results()) {
        for (const Value& item : pair.list()) ASSERT_TRUE(item.string() == sized(got, kLarge)) << got;
        ++got;
    }
    EXPECT_EQ(got, 5);
}

TEST(deadlock_rules, a_batch_larger_than_its_credits) {
    for (const std::size_t bytes : {10u, 100'000u}) {  // more items than may be on their way, and more bytes
        StreamHandle stream = manager().stream(
            StreamPipeline(name(), kSame.queue(3) | stage("batch", {{"items", 50}}).queue(1) | kSame.save_none()));
        for (std::int64_t i = 0; i < 120; ++i) ASSERT_TRUE(stream.put(sized(i, bytes)));
        stream.close();
        std::int64_t got = 0;
        std::vector<std::size_t> sizes;
        for (const Value& batch : stream.results()) {
            sizes.push_back(batch.list().size());
            for (const Value& item : batch.list()) ASSERT_TRUE(item.string() == sized(got++, bytes)) << got;
        }
        EXPECT_EQ(sizes, (std::vector<std::size_t>{50, 50, 20}));
    }
}

// Each wants every CPU there is, in two stages: were they given some each, both would wait for the rest.
TEST(deadlock_rules, two_streams_wanting_all_slots) {
    cpu_set_t cpus;
    ASSERT_EQ(::sched_getaffinity(0, sizeof cpus, &cpus), 0);
    const int all = CPU_COUNT(&cpus);
    const Flow half = kSame.cpus(1).workers(std::max(1, all / 2)).ordered();
    const Flow rest = all < 2 ? Flow(kSame) : Flow(kSame.cpus(1).workers(all - all / 2).ordered());
    const auto start = [&](const char* which) {
        return manager().stream(StreamPipeline(name() + "." + which, half | rest));
    };
    StreamHandle one = start("one"), two = start("two"), three = start("three");
    for (StreamHandle* stream : {&three, &two, &one}) {
        for (std::int64_t i = 0; i < 1000; ++i) ASSERT_TRUE(stream->put(i));
        stream->close();
    }
    for (StreamHandle* stream : {&one, &two, &three}) EXPECT_EQ(numbers(results_of(*stream)), iota(0, 1000));
}

TEST(deadlock_rules, put_all_then_get) {
    const Flow first = kSame.workers(2).ordered();
    StreamHandle stream = manager().stream(StreamPipeline(
        name(), {first | kSame.queue(5).named("left").save_none(), first | kSame.named("right").queue(7).save_none()}));
    for (std::int64_t i = 0; i < kItems; ++i) ASSERT_TRUE(stream.put(sized(i, kBytes)));
    stream.close();
    stream.wait();
    for (const char* sink : {"right", "left"}) {
        std::int64_t got = 0;
        for (const Value& item : stream.results(sink)) ASSERT_TRUE(item.string() == sized(got++, kBytes)) << got;
        EXPECT_EQ(got, kItems) << sink;
    }
}

}  // namespace

}  // namespace penstock::parity
