// MPipe's tests of its filter, which is `sample` here, under their names. Its branch is behind a gate, so that it is
// known what is on the way there.
#include "harness.hpp"
#include "mpipe_workers.hpp"
#include "parallelpipe_workers.hpp"

#include <algorithm>
#include <functional>

namespace penstock::parity {

namespace {

// A sample whose branch is the stage `guarded`. The stage `done` gets its results, and `seen` each item with the latest
// one.
class Sampling {
public:
    explicit Sampling(std::int64_t limit) : limit_(limit), stream_(manager().stream(pipeline(limit, gate_.path()))) {}

    // Puts the next number, and returns what came of the branch before. Then it is settled whether it was passed on.
    Value put() {
        EXPECT_TRUE(stream_.put(put_));
        const std::optional<Value> pair = stream_.get("seen");
        if (!pair || pair->list().size() != 2 || pair->list().front() != Value(put_)) {
            ADD_FAILURE() << "item " << put_ << " did not come";
            return nullptr;
        }
        ++put_;
        return pair->list().back();
    }
    // 0 .. items - 1, while the gate is shut.
    void put_before_the_gate(std::int64_t items) {
        for (std::int64_t i = 0; i < items; ++i) EXPECT_EQ(put(), Value(nullptr)) << "nothing has come of the branch";
    }
    // Opens the gate for what is behind it, which are the first numbers.
    void open() {
        gate_.let_pass(static_cast<std::size_t>(limit_));
        for (std::int64_t i = 0; i < limit_; ++i) EXPECT_EQ(stream_.get("done"), Value(i));
    }
    // Puts numbers until a result from `n` on comes with one, which it gives.
    std::int64_t put_until_latest(std::int64_t n) {
        std::int64_t latest = -1;
        for (const std::int64_t most = put_ + 1'000'000; latest < n && put_ < most && !testing::Test::HasFailure();) {
            const Value next = put();
            if (next.is(Value::Type::null)) {
                EXPECT_EQ(latest, -1) << "there was one";
                continue;
            }
            EXPECT_GE(next.int64(), latest) << "an older one";
            latest = next.int64();
        }
        EXPECT_GE(latest, n);
        return latest;
    }
    void let_pass_one() { gate_.let_pass(1); }
    std::int64_t count() const { return put_; }
    // All that comes of the branch after the input has ended.
    std::vector<std::int64_t> rest() {
        stream_.close();
        EXPECT_EQ(stream_.get("seen"), std::nullopt);
        gate_.let_pass(static_cast<std::size_t>(limit_ + 10));  // more than there should be
        List all;
        for (const Value& item : stream_.results("done")) all.push_back(item);
        return numbers(all);
    }

private:
    static StreamPipeline pipeline(std::int64_t limit, const std::string& gate) {
        const Flow sampled = stage("sample", {{"limit", limit}, {"until", "guarded"}, {"keep-latest", true}});
        return StreamPipeline(
            name(), {sampled | stage<Guarded>({{"gate", gate}}).named("guarded") | stage<Same>().named("done"),
                     sampled | stage<Same>().named("seen")});
    }

    Gate gate_;
    std::int64_t limit_;
    std::int64_t put_ = 0;
    StreamHandle stream_;
};

// While as many as the limit are in the branch, all others are dropped there.
void passes_on_only(std::int64_t limit) {
    Sampling sampling(limit);
    sampling.put_before_the_gate(10);
    sampling.open();
    EXPECT_THAT(sampling.rest(), testing::IsEmpty());
}
TEST(mpipe, filter1) { passes_on_only(1); }
TEST(mpipe, filter11) { passes_on_only(2); }
TEST(mpipe, bottleneck3) {
    passes_on_only(3);
    // And without anything said of results: some in order, the first one for sure.
    StreamHandle stream =
        manager().stream(StreamPipeline(name() + ".plain", stage("sample", {{"limit", 2}}) | stage<Slow>({{"ms", 2}})));
    for (std::int64_t i = 0; i < 200; ++i) EXPECT_TRUE(stream.put(i));
    stream.close();
    const auto some = numbers(results_of(stream));
    ASSERT_GE(some.size(), 2u);
    EXPECT_EQ(some[0], 0);
    EXPECT_EQ(some[1], 1);
    EXPECT_EQ(std::adjacent_find(some.begin(), some.end(), std::greater_equal<>{}), some.end())
        << "twice, or out of order";
}

// What has come of the branch stays with all later items, until something newer comes; then there is room for others.
void keeps_the_latest(std::int64_t limit) {
    Sampling sampling(limit);
    sampling.put_before_the_gate(4);
    sampling.open();
    EXPECT_EQ(sampling.put_until_latest(limit - 1), limit - 1);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(sampling.put(), Value(limit - 1)) << "the gate is shut again";
    sampling.let_pass_one();
    const std::int64_t newer = sampling.put_until_latest(limit);
    EXPECT_GE(newer, 4) << "dropped before";
    for (int i = 0; i < 10; ++i) EXPECT_EQ(sampling.put(), Value(newer));
    const std::int64_t count = sampling.count();
    const auto rest = sampling.rest();
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.front(), newer);
    EXPECT_LE(rest.size(), static_cast<std::size_t>(1 + limit)) << "more than the limit were behind the gate";
    EXPECT_LT(rest.back(), count);
    EXPECT_EQ(std::adjacent_find(rest.begin(), rest.end(), std::greater_equal<>{}), rest.end())
        << "twice, or out of order";
}
TEST(mpipe, filter2) { keeps_the_latest(1); }
TEST(mpipe, filter21) { keeps_the_latest(2); }

// Every item comes out while nothing comes of the branch, whose results nobody reads.
TEST(mpipe, filter3) {
    Gate gate;
    const Flow sampled = stage("sample", {{"limit", 1}, {"until", "Guarded"}, {"keep-latest", true}});
    StreamHandle stream = manager().stream(StreamPipeline(
        name(), {sampled | stage<Guarded>({{"gate", gate.path()}}).dead_end(), sampled | stage<Same>().named("seen")}));
    for (std::int64_t i = 0; i < 1000; ++i) EXPECT_TRUE(stream.put(i));
    for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(stream.get("seen"), Value(List{i, nullptr}));
    gate.let_pass(1);
    EXPECT_EQ(stream.wait().state, PipelineStatus::State::succeeded);
}

}  // namespace

}  // namespace penstock::parity
