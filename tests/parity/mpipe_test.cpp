// MPipe's tests of stages that are linked, under their names: what each of them is about, with count and order checked.
#include "harness.hpp"
#include "mpipe_workers.hpp"
#include "parallelpipe_workers.hpp"

namespace penstock::parity {

namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

const StageSpec kIncrement = stage<Add>({{"n", 1}});
const StageSpec kDouble = stage<Double>();

// Puts 0 .. count - 1, closes, then reads.
List put_all(const Flow& flow, std::int64_t count = 10) {
    StreamHandle stream = manager().stream(StreamPipeline(name(), flow));
    for (std::int64_t i = 0; i < count; ++i) EXPECT_TRUE(stream.put(i));
    stream.close();
    return results_of(stream);
}

std::vector<std::int64_t> even(std::int64_t first, std::int64_t count = 10) {
    std::vector<std::int64_t> all = iota(0, count);
    for (std::int64_t& one : all) one = first + 2 * one;
    return all;
}

TEST(mpipe, helloworld) { EXPECT_EQ(numbers(put_all(stage<Same>().ordered(), 4)), iota(0, 4)); }

// Queues shorter than the input hold nobody up for good.
TEST(mpipe, backlog) {
    const Flow flow = kIncrement.setup(3, 3) | stage<Add>({{"n", -1}}).setup(1, 1);
    EXPECT_THAT(numbers(put_all(flow)), UnorderedElementsAreArray(iota(0, 10)));
    EXPECT_THAT(numbers(put_all(flow, 2000)), UnorderedElementsAreArray(iota(0, 2000)));
}

// Items come faster than one worker, or two, can take them.
TEST(mpipe, bottleneck1) { EXPECT_EQ(numbers(put_all(stage<Slow>({{"ms", 2}}).ordered(), 12)), iota(0, 12)); }
TEST(mpipe, bottleneck2) {
    EXPECT_EQ(numbers(put_all(stage<Slow>({{"ms", 2}}).workers(2).ordered(), 12)), iota(0, 12));
}

TEST(mpipe, chain) {
    EXPECT_EQ(numbers(put_all(kIncrement.ordered() | kDouble.ordered() | stage<Same>().ordered())), even(2));
}

TEST(mpipe, link1) {
    const StageSpec magnify = stage<Times>({{"n", 10}}).ordered();
    auto expected = iota(0, 10);
    for (std::int64_t& one : expected) one *= 10'000;
    EXPECT_EQ(numbers(put_all(magnify | magnify | magnify | magnify)), expected);
    EXPECT_EQ(numbers(put_all(magnify | (magnify | (magnify | magnify)))), expected) << "linked from the end";
}

TEST(mpipe, link_ordered_unordered) {
    EXPECT_THAT(numbers(put_all(kIncrement.workers(3).ordered() | kDouble.workers(3))),
                UnorderedElementsAreArray(even(2)));
}
TEST(mpipe, link_unordered_ordered) {
    EXPECT_THAT(numbers(put_all(kIncrement.workers(3) | kDouble.workers(3).ordered())),
                UnorderedElementsAreArray(even(2)));
}
TEST(mpipe, unordered) {
    EXPECT_THAT(numbers(put_all(kIncrement.workers(2) | kDouble.workers(2))), UnorderedElementsAreArray(even(2)));
}
TEST(mpipe, pipeout) { EXPECT_EQ(numbers(put_all(kIncrement.ordered() | kDouble.ordered())), even(2)); }
TEST(mpipe, tiny) {
    EXPECT_EQ(numbers(put_all(kIncrement.workers(3).ordered() | kDouble.workers(3).ordered())), even(2));
}
TEST(mpipe, workparam) { EXPECT_EQ(numbers(put_all(stage<Add>({{"n", 5}}).ordered())), iota(5, 10)); }

// Each branch gets every item.
TEST(mpipe, fork) {
    const Flow incremented = kIncrement.ordered();
    StreamHandle stream =
        manager().stream(StreamPipeline(name(), {incremented | stage<Same>().named("plain"),
                                                 incremented | kDouble.ordered() | stage<Same>().named("twice")}));
    for (std::int64_t i = 0; i < 10; ++i) stream.put(i);
    stream.close();
    List plain, twice;
    for (const Value& item : stream.results("plain")) plain.push_back(item);
    for (const Value& item : stream.results("twice")) twice.push_back(item);
    EXPECT_EQ(numbers(plain), iota(1, 10));
    EXPECT_EQ(numbers(twice), even(2));
}

// A dead end works on its items, gives none, and holds nobody beside it up.
void gives_no_result(const StageSpec& dead) {
    const StreamPipeline alone(name(), dead.dead_end());
    EXPECT_THAT(alone.sinks(), IsEmpty());
    StreamHandle stream = manager().stream(alone);
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_TRUE(stream.put(i));
    EXPECT_EQ(stream.wait().state, PipelineStatus::State::succeeded);
    EXPECT_THROW(stream.get(dead.worker()), PipelineError);

    const Flow from = kIncrement.ordered();
    StreamHandle beside =
        manager().stream(StreamPipeline(name() + ".beside", {from | dead.dead_end(), from | stage<Total>()}));
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_TRUE(beside.put(i));
    EXPECT_EQ(beside.execute("Total"), Value(55));
}
TEST(mpipe, disable_result1) { gives_no_result(stage<Same>().workers(4).ordered()); }
TEST(mpipe, disable_result2) { gives_no_result(stage("Same").workers(4).ordered()); }
TEST(mpipe, disable_result3) { gives_no_result(stage<Same>().workers(4)); }

// A stage has a last word, when there are no more items.
TEST(mpipe, do_stop_task1) {
    const List all = put_all(stage<Echo>());
    EXPECT_THAT(all, ElementsAreArray(List{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, nullptr}));
    EXPECT_THAT(put_all(stage<Echo>(), 0), ElementsAreArray(List{nullptr})) << "also without items";
}
TEST(mpipe, do_stop_task2) {
    EXPECT_THAT(put_all(stage("sample", {{"limit", 999}}) | stage<Echo>()),
                ElementsAreArray(List{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, nullptr}));
}

}  // namespace

}  // namespace penstock::parity
