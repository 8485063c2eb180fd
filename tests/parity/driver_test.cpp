// Streams in the hands of a driver function.
#include "harness.hpp"
#include "parallelpipe_workers.hpp"

#include <fstream>
#include <string>

namespace penstock::parity {

namespace {

using testing::HasSubstr;

const StageSpec kAdd = stage<Add>({{"n", 1}});

std::uint64_t resident_bytes() {
    std::ifstream status("/proc/self/statm");
    std::uint64_t pages = 0, resident = 0;
    status >> pages >> resident;
    return resident * 4096;
}

TEST(driver, puts_and_gets_item_by_item) {
    StreamHandle stream = manager().stream(StreamPipeline(name(), kAdd));
    for (std::int64_t i = 0; i < 100; ++i) {
        EXPECT_TRUE(stream.put(i));
        EXPECT_EQ(stream.get(), Value(i + 1));
        EXPECT_FALSE(stream.ended());
    }
    EXPECT_EQ(stream.get(0.01), std::nullopt) << "nothing was put";
    EXPECT_FALSE(stream.ended());
    stream.close();
    EXPECT_EQ(stream.get(), std::nullopt);
    EXPECT_TRUE(stream.ended());
}

TEST(driver, null_and_empty_values_are_items) {
    StreamHandle stream = manager().stream(StreamPipeline(name(), stage("flatten")));
    const List all{nullptr, 0, false, "", List{}, Map{}};
    stream.put(all);
    stream.close();
    EXPECT_EQ(results_of(stream), all);
}

TEST(driver, puts_everything_before_it_gets_anything) {
    constexpr std::int64_t kMany = 100'000;
    StreamHandle stream = manager().stream(StreamPipeline(name(), kAdd.workers(2).ordered() | kAdd));
    for (std::int64_t i = 0; i < kMany; ++i) ASSERT_TRUE(stream.put(i));
    stream.close();
    EXPECT_EQ(numbers(results_of(stream)), iota(2, kMany));
}

TEST(driver, large_items_that_wait_to_be_read_fill_no_memory) {
    constexpr std::int64_t kMany = 1500;  // 94 MiB
    StreamHandle stream = manager().stream(StreamPipeline(name(), stage<Same>().save_none()));
    const std::uint64_t before = resident_bytes();
    std::string item(64 * 1024, 'x');
    for (std::int64_t i = 0; i < kMany; ++i) {
        item.replace(0, 8, std::to_string(10'000'000 + i));
        ASSERT_TRUE(stream.put(item));
    }
    stream.close();
    stream.wait();
    EXPECT_LT(resident_bytes(), before + (72u << 20));
    std::int64_t read = 0;
    for (const Value& one : stream.results()) {
        ASSERT_EQ(one.string().size(), item.size());
        ASSERT_EQ(one.string().substr(0, 8), std::to_string(10'000'000 + read));
        ++read;
    }
    EXPECT_EQ(read, kMany);
}

TEST(driver, refuses_items_after_the_end) {
    StreamHandle stream = manager().stream(StreamPipeline(name(), kAdd));
    stream.put(1);
    stream.close();
    try {
        stream.put(2);
        FAIL() << "it was taken";
    } catch (const PipelineError& error) {
        EXPECT_THAT(error.what(), HasSubstr("after it was closed"));
    }
    EXPECT_EQ(numbers(results_of(stream)), iota(2, 1));
}

TEST(driver, execute_gives_the_last_result_or_nothing) {
    const StreamPipeline pipeline(name(), source(iota(0, 50)) | kAdd.ordered().workers(2));
    EXPECT_EQ(manager().stream(pipeline).execute(), Value(50));
    EXPECT_EQ(manager().stream(StreamPipeline(name() + ".none", source(List{}) | kAdd)).execute(), std::nullopt);
}

TEST(driver, runs_a_pipeline_again_and_again) {
    const StreamPipeline pipeline(name(), kAdd.save_none());
    for (std::int64_t run = 1; run <= 5; ++run) {
        StreamHandle stream = manager().stream(pipeline);
        for (std::int64_t i = 0; i < 10; ++i) stream.put(run * i);
        stream.close();
        EXPECT_EQ(results_of(stream).size(), 10u);
        const PipelineStatus status = stream.wait();
        EXPECT_EQ(status.state, PipelineStatus::State::succeeded);
        EXPECT_EQ(status.instance, run == 1 ? "" : "run=" + std::to_string(run));
    }
}

TEST(driver, forks_have_results_of_their_own) {
    const Flow from = source(iota(0, 100)) | kAdd;
    StreamHandle stream = manager().stream(
        StreamPipeline(name(), {from | stage<Double>(), from | fold<Total>(), from | kAdd.dead_end()}));
    std::int64_t doubles = 0;
    for (const Value& item : stream.results("Double")) EXPECT_EQ(item, Value(2 * ++doubles));
    EXPECT_EQ(doubles, 100);
    EXPECT_EQ(stream.execute("Total"), Value(5050));
    EXPECT_THROW(stream.get(), PipelineError) << "which?";
    EXPECT_THROW(stream.get("Add-2"), PipelineError) << "a dead end";
}

TEST(driver, zips_two_inputs_put_one_after_the_other) {
    constexpr std::int64_t kMany = 20'000;
    StreamHandle stream =
        manager().stream(StreamPipeline(name(), merge::zip({input("left"), input("right") | kAdd}) | stage<Same>()));
    for (std::int64_t i = 0; i < kMany; ++i) ASSERT_TRUE(stream.put("left", i));
    for (std::int64_t i = 0; i < kMany; ++i) ASSERT_TRUE(stream.put("right", i));
    stream.close();
    std::int64_t n = 0;
    for (const Value& pair : stream.results()) {
        ASSERT_EQ(pair, (List{n, n + 1}));
        ++n;
    }
    EXPECT_EQ(n, kMany);
}

TEST(driver, concatenates) {
    EXPECT_EQ(
        numbers(results_of(merge::concat({source(iota(0, 10)) | kAdd, source(iota(100, 10))}) | stage<Same>())),
        (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109}));
}

TEST(driver, a_stream_that_is_no_good_is_refused_with_a_reason) {
    const auto problem = [](const Flow& flow) -> std::string {
        try {
            manager().stream(StreamPipeline(name(), flow));
        } catch (const PipelineError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_THAT(problem(stage("Nobody")), HasSubstr("Nobody"));
    EXPECT_THAT(problem(fork({kAdd, kAdd}) | kAdd), HasSubstr("several stages"));
    EXPECT_THAT(problem(kAdd.retries(1).on_error(ItemFailure::fail)), HasSubstr("retries"));
    EXPECT_EQ(numbers(results_of(source(iota(0, 3)) | kAdd)), iota(1, 3)) << "the name is still free";
}

}  // namespace

}  // namespace penstock::parity
