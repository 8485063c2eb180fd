// How parallelpipe breaks, and what happens here instead.
#include "harness.hpp"
#include "parallelpipe_workers.hpp"

namespace penstock::parity {

namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

struct Read {
    List good;
    std::optional<StreamError> error;
};
Read read(StreamHandle& stream, const std::string& sink) {
    Read all;
    try {
        for (const Value& item : stream.results(sink)) all.good.push_back(item);
    } catch (const StreamError& error) {
        all.error = error;
    }
    return all;
}

// There, what the siblings of a failing worker had is gone.
TEST(parallelpipe_breakages, results_before_the_failing_item_come_first) {
    for (const std::int64_t at : {0, 7, 500}) {
        StreamHandle stream = manager().stream(StreamPipeline(
            name() + std::to_string(at), source(iota(0, 1000)) | stage<Fragile>({{"at", at}}).workers(3).ordered()));
        const Read all = read(stream, "Fragile");
        EXPECT_EQ(numbers(all.good), iota(0, at));
        ASSERT_TRUE(all.error);
        EXPECT_EQ(all.error->stage(), "Fragile");
        EXPECT_EQ(all.error->item(), static_cast<std::uint64_t>(at));
        EXPECT_EQ(all.error->cause(), "it broke");
        EXPECT_THROW(stream.get(), StreamError) << "asked again";
    }
}

TEST(parallelpipe_breakages, no_partial_result_of_a_fold) {
    StreamHandle stream = manager().stream(
        StreamPipeline(name(), source(iota(0, 1000)) | stage<Fragile>({{"at", 900}}).workers(2) | fold<Total>()));
    const Read all = read(stream, "Total");
    EXPECT_THAT(all.good, IsEmpty());
    EXPECT_TRUE(all.error);
}

TEST(parallelpipe_breakages, several_producers_share_their_work) {
    EXPECT_THAT(numbers(results_of(source("Numbers", {{"n", 1000}}).workers(3))),
                UnorderedElementsAreArray(iota(0, 1000)));
}

TEST(parallelpipe_breakages, a_killed_worker_is_an_error_and_no_hang) {
    StreamHandle stream =
        manager().stream(StreamPipeline(name(), source(iota(0, 100)) | stage<Dies>({{"at", 50}}).workers(2).ordered()));
    const Read all = read(stream, "Dies");
    EXPECT_EQ(numbers(all.good), iota(0, 50));
    ASSERT_TRUE(all.error);
    EXPECT_EQ(all.error->item(), 50u);
}

TEST(parallelpipe_breakages, a_killed_worker_costs_the_item_alone) {
    auto expected = iota(0, 100);
    expected.erase(expected.begin() + 50);
    EXPECT_EQ(numbers(results_of(source(iota(0, 100)) |
                                 stage<Dies>({{"at", 50}}).workers(2).ordered().on_error(ItemFailure::skip))),
              expected);
}

// The source has no end, and a worker hangs.
TEST(parallelpipe_breakages, reading_may_end_early) {
    PipelineNumber number;
    {
        StreamHandle stream =
            manager().stream(StreamPipeline(name(), source([n = std::int64_t{0}]() mutable -> std::optional<Value> {
                                                        return n++;
                                                    }) | stage<Hangs>({{"at", 5000}}).workers(2)));
        number = stream.number();
        int seen = 0;
        for (const Value& item : stream.results()) {
            (void)item;
            if (++seen == 10) break;
        }
        EXPECT_EQ(seen, 10);
    }
    EXPECT_EQ(manager().wait(number).state, PipelineStatus::State::succeeded);
}

TEST(parallelpipe_breakages, an_exception_in_the_driver_function_ends_the_stream) {
    PipelineNumber number;
    try {
        StreamHandle stream = manager().stream(StreamPipeline(name(), stage<Hangs>({{"at", 0}})));
        number = stream.number();
        stream.put(0);
        throw std::logic_error("of the driver function");
    } catch (const std::logic_error&) {
    }
    manager().wait(number);
}

TEST(parallelpipe_breakages, parameters_do_not_change_the_stage) {
    const StageSpec add = stage<Add>({{"n", 1}});
    const StageSpec other = add.with("n", 2).workers(3).named("other");
    EXPECT_EQ(add.parameters(), (Document{{"n", 1}}));
    EXPECT_EQ(add.name(), "");
    EXPECT_EQ(numbers(results_of(source(iota(0, 3)) | add)), iota(1, 3));
    EXPECT_EQ(other.parameters(), (Document{{"n", 2}}));
}

}  // namespace

}  // namespace penstock::parity
