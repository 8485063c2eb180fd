// The tests of parallelpipe, under their names: what each of them is about, with everything counted. Where parallelpipe
// runs a producer k times for k workers, Penstock shares its work (that is one of the breakages).
#include "harness.hpp"
#include "parallelpipe_workers.hpp"

#include <numeric>

namespace penstock::parity {

namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

constexpr std::int64_t kItems = 1000;

const StageSpec kProducer = source("Numbers", {{"n", kItems}}).setup(4, 10);
StageSpec add(std::int64_t n) { return stage("Add", {{"n", n}}); }

std::int64_t sum(std::int64_t first, std::int64_t count) {
    const auto all = iota(first, count);
    return std::accumulate(all.begin(), all.end(), std::int64_t{0});
}

TEST(parallelpipe, one) {
    EXPECT_THAT(numbers(results_of(kProducer)), UnorderedElementsAreArray(iota(0, kItems)));
    EXPECT_THAT(numbers(results_of(kProducer)), UnorderedElementsAreArray(iota(0, kItems))) << "run again";
    EXPECT_EQ(manager().stream(StreamPipeline(name() + ".fold", kProducer | stage("Total"))).execute(),
              Value(sum(0, kItems)));
}

TEST(parallelpipe, two) {
    const StageSpec consumer = add(5).setup(4, 1000);
    EXPECT_THAT(numbers(results_of(kProducer | consumer)), UnorderedElementsAreArray(iota(5, kItems)));
    StreamHandle of_a_range = manager().stream(StreamPipeline(name() + ".range", source(iota(0, kItems)) | consumer));
    EXPECT_THAT(numbers(results_of(of_a_range)), UnorderedElementsAreArray(iota(5, kItems)));
}

// A worker with parameters is what a method of an instance is there.
TEST(parallelpipe, two_class_instance) {
    EXPECT_THAT(numbers(results_of(kProducer | stage<Add>({{"n", 5}}).setup(4, 1000))),
                UnorderedElementsAreArray(iota(5, kItems)));
}

TEST(parallelpipe, two_reduce) {
    const StreamPipeline pipeline(name(), kProducer | fold<Total>().setup(1, 3));
    StreamHandle stream = manager().stream(pipeline);
    EXPECT_THAT(numbers(results_of(stream)), ElementsAre(sum(0, kItems)));
    EXPECT_EQ(manager().stream(pipeline).execute(), Value(sum(0, kItems)));
}

TEST(parallelpipe, three_reduce) {
    EXPECT_THAT(numbers(results_of(kProducer | add(5).setup(4, 1000) | fold<Total>().queue(3))),
                ElementsAre(sum(5, kItems)));
}

TEST(parallelpipe, exception_propagation) {
    StreamHandle of_a_stage = manager().stream(
        StreamPipeline(name(), kProducer.setup(2, 10) | stage<Fragile>({{"at", 200}}).setup(6, 1000) | fold<Total>()));
    try {
        results_of(of_a_stage);
        FAIL() << "no exception";
    } catch (const StreamError& error) {
        EXPECT_EQ(error.stage(), "Fragile");
        EXPECT_TRUE(error.item());
        EXPECT_EQ(error.cause(), "it broke");
    }
    int left = 10;
    StreamHandle of_the_source =
        manager().stream(StreamPipeline(name() + ".source", source([left]() mutable -> std::optional<Value> {
                                                                if (left-- == 0)
                                                                    throw std::runtime_error("failed at 10");
                                                                return left;
                                                            }) | add(5) |
                                                                fold<Total>()));
    try {
        results_of(of_the_source);
        FAIL() << "no exception";
    } catch (const StreamError& error) {
        EXPECT_EQ(error.stage(), "source");
        EXPECT_EQ(error.cause(), "failed at 10");
    }
}

// A stage is made once and used with other parameters.
TEST(parallelpipe, task_decorator) {
    const StageSpec some = stage<Every>({{"rest", 0}}).workers(4);
    const auto largest = [&](const StageSpec& those, const std::string& as) {
        return manager().stream(StreamPipeline(as, source(iota(0, kItems)) | those | stage<Largest>())).execute();
    };
    EXPECT_EQ(largest(some, name()), Value(998));
    EXPECT_EQ(largest(some.with("rest", 1), name() + ".odd"), Value(999));
    EXPECT_EQ(largest(some, name()), Value(998)) << "the stage has not changed";
}

TEST(parallelpipe, map_decorator) {
    const Flow items = source(iota(0, kItems));
    const StageSpec only_five = stage<Only>({{"item", 5}}).workers(4);
    const auto total = [&](const StageSpec& map, const std::string& as) {
        return manager().stream(StreamPipeline(as, items | map | fold<Total>())).execute();
    };
    EXPECT_EQ(total(add(5).workers(4), name()), Value(504500));
    EXPECT_EQ(total(only_five.on_error(ItemFailure::skip), name() + ".skip"), Value(10));
    EXPECT_THROW(total(only_five, name() + ".fail"), StreamError);
}

// While the second stage is slow, the first one waits for it and nothing is lost.
TEST(parallelpipe, slow_second_stage) {
    const auto slow = stage<Slow>({{"ms", 2}}).ordered();
    EXPECT_EQ(numbers(results_of(source(iota(0, 200)) | add(1).queue(2) | slow)), iota(1, 200));
}

}  // namespace

}  // namespace penstock::parity
