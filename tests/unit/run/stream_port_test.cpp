// Where a driver function and a stream meet. What blocks is asked from a thread of its own; the test is the pump.
#include "run/stream_port.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace penstock {
namespace {

using ::testing::HasSubstr;
using Put = StreamPort::Put;
using What = StreamPort::Got::What;

constexpr PipelineId kStream{3};
constexpr JobIndex kInput{0}, kOtherInput{3}, kMap{1}, kResults{2};
constexpr std::uint32_t kBroker = 5;

void add(Plan& plan, const std::string& name, Stage stage) {
    JobTemplate t;
    t.name = t.worker = name;
    t.first_job = JobIndex(static_cast<std::uint32_t>(plan.templates.size()));
    plan.templates.push_back(t);
    plan.stages.push_back(std::move(stage));
    ++plan.job_count;
}

// in -> map -> map@results, and perhaps another input.
std::shared_ptr<const Plan> fed_and_read(bool two_inputs = false) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    Stage input, map, results;
    input.role = Stage::Role::input;
    map.from = {TemplateIndex(0)};
    results.role = Stage::Role::results;
    results.from = {TemplateIndex(1)};
    results.delivered = true;
    add(*plan, "in", input);
    add(*plan, "map", map);
    add(*plan, "map@results", results);
    if (two_inputs) add(*plan, "other", input);
    return plan;
}

StreamItemsPtr items(const List& values) {
    ItemsWriter writer;
    for (const Value& v : values) append_item(v, writer);
    return std::make_shared<const StreamItems>(writer.take());
}

class StreamPortTest : public ::testing::Test {
protected:
    ~StreamPortTest() override { std::filesystem::remove_all(folder_); }

    void open(bool two_inputs = false) {
        std::filesystem::create_directories(folder_);
        port_ = std::make_unique<StreamPort>(fed_and_read(two_inputs), folder_);
        port_->attach(kStream, waker_);
    }
    // The broker says that it is there, and done with so many items.
    void taken(std::uint64_t n = 0, std::uint64_t bytes = 0, JobIndex by = kInput) {
        port_->on(msg::StreamTaken{kStream, kDriver, by, n, bytes}, kBroker);
    }
    struct Sent {
        List items;
        std::uint64_t bytes = 0;
        std::optional<msg::StreamEnd> end;
        std::uint64_t in_all = 0;
    };
    Sent pump() {
        Outbox out(0);
        stop_asked_ = port_->work(out);
        Sent sent;
        for (const Envelope& e : out.take()) {
            EXPECT_EQ(e.to, kBroker);
            const auto& m = std::get<BrokerMessage>(e.message);
            if (const auto* some = std::get_if<msg::StreamItems>(&m)) {
                EXPECT_EQ(some->first, sent_before_) << "items have numbers without a gap";
                sent_before_ += some->items->count();
                sent.bytes += some->items->bytes.size();
                for (ItemReader reader(*some->items); !reader.ended();) sent.items.push_back(reader.next());
            } else {
                sent.end = std::get<msg::StreamEnd>(m);
            }
        }
        return sent;
    }
    void arrive(const List& values) {
        Outbox out(0);
        port_->on(msg::StreamItems{kStream, kResults, kDriver, 0, true, items(values), 0}, kBroker, out);
        const auto sent = out.take();
        ASSERT_EQ(sent.size(), 1u);
        const auto& credit = std::get<msg::StreamTaken>(std::get<BrokerMessage>(sent[0].message));
        EXPECT_EQ(credit.items, values.size());
        EXPECT_EQ(credit.to, kDriver);
    }
    void end(std::uint64_t count, bool failed = false) {
        port_->on(msg::StreamEnd{kStream, kResults, kDriver, count, failed});
    }
    StreamPort::Got get_now() { return port_->get(0, std::chrono::steady_clock::now()); }
    List read() {
        List all;
        for (auto got = get_now(); got.what == What::item; got = get_now()) all.push_back(std::move(got.item));
        return all;
    }

    const std::filesystem::path folder_ =
        std::filesystem::path(::testing::TempDir()) / ("stream-port-" + std::to_string(getpid()));
    Waker waker_;
    std::unique_ptr<StreamPort> port_;
    std::uint64_t sent_before_ = 0;
    bool stop_asked_ = false;
};

TEST_F(StreamPortTest, WhatIsPutWaitsForTheBrokerAndThenLeavesInOrder) {
    open();
    EXPECT_EQ(port_->inputs(), std::vector<std::string>{"in"});
    EXPECT_EQ(port_->sinks(), std::vector<std::string>{"map"});
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(port_->put(0, i), Put::taken);
    EXPECT_TRUE(pump().items.empty()) << "nobody knows where the stage is";
    taken();
    EXPECT_EQ(pump().items, (List{0, 1, 2}));
    EXPECT_EQ(port_->put(0, 3), Put::taken);
    port_->close(0);
    const Sent rest = pump();
    EXPECT_EQ(rest.items, List{3});
    ASSERT_TRUE(rest.end);
    EXPECT_EQ(rest.end->items, 4u);
    EXPECT_FALSE(rest.end->failed);
    EXPECT_FALSE(pump().end) << "told once";
    EXPECT_EQ(port_->put(0, 4), Put::closed);
}

TEST_F(StreamPortTest, FewItemsWaitForOthersWhileSomeAreUnderWay) {
    open();
    taken();
    port_->put(0, 0);
    EXPECT_EQ(pump().items.size(), 1u);
    port_->put(0, 1);
    EXPECT_TRUE(pump().items.empty());
    taken(1, 1 << 20);
    EXPECT_EQ(pump().items.size(), 1u);
}

TEST_F(StreamPortTest, PuttingWaitsForRoomAndNothingIsLost) {
    open();
    taken();
    constexpr std::int64_t kAll = 5 * StreamPort::kPutItems;
    std::atomic<std::int64_t> put{0};
    std::thread driver([&] {
        for (std::int64_t i = 0; i < kAll && port_->put(0, i) == Put::taken; ++i) ++put;
        port_->close(0);
    });
    List all;
    std::optional<msg::StreamEnd> told;
    while (!told) {
        Sent sent = pump();
        EXPECT_LE(sent.items.size(), StreamPort::kUnderWayItems + ItemSpool::kPortionItems);
        for (Value& v : sent.items) all.push_back(std::move(v));
        const auto put_by_now = static_cast<std::uint64_t>(put.load());  // once: the other thread goes on
        const std::uint64_t ahead = put_by_now - std::min<std::uint64_t>(put_by_now, all.size());
        EXPECT_LE(ahead, StreamPort::kPutItems) << "of what has not left";
        taken(sent.items.size(), sent.bytes);
        told = sent.end;
    }
    driver.join();
    ASSERT_EQ(all.size(), static_cast<std::size_t>(kAll));
    for (std::int64_t i = 0; i < kAll; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], Value(i));
}

TEST_F(StreamPortTest, WithSeveralInputsPuttingNeverWaits) {
    open(true);
    taken();
    taken(0, 0, kOtherInput);
    for (std::uint64_t i = 0; i < 3 * StreamPort::kPutItems; ++i) ASSERT_EQ(port_->put(1, Value(i)), Put::taken);
}

TEST_F(StreamPortTest, ResultsAreReadInOrderUntilTheEnd) {
    open();
    EXPECT_EQ(get_now().what, What::late);
    arrive({1, 2});
    arrive({3});
    end(3);
    EXPECT_EQ(read(), (List{1, 2, 3}));
    EXPECT_EQ(get_now().what, What::ended);
    EXPECT_TRUE(port_->all_read(0));
}

TEST_F(StreamPortTest, WhatIsNotReadGoesToAFileAndComesBack) {
    open();
    const std::string large(1 << 20, 'x');
    constexpr std::int64_t kItems = 3 * (StreamPort::kKept >> 20);
    for (std::int64_t i = 0; i < kItems; ++i) arrive(List{Value(List{i, large})});
    end(kItems);
    const List all = read();
    ASSERT_EQ(all.size(), static_cast<std::size_t>(kItems));
    for (std::int64_t i = 0; i < kItems; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)].list().at(0), Value(i));
}

TEST_F(StreamPortTest, GoodResultsComeBeforeTheError) {
    open();
    arrive({1, 2});
    end(2, true);
    EXPECT_EQ(read(), (List{1, 2}));
    EXPECT_EQ(get_now().what, What::late) << "why it failed comes on another way";
    port_->job_failed(kMap, "item 2: it is odd");
    EXPECT_EQ(get_now().what, What::failed);
    EXPECT_EQ(port_->failure().stage, "map");
    EXPECT_EQ(port_->failure().item, 2u);
    EXPECT_EQ(port_->failure().cause, "it is odd");
    port_->job_failed(kInput, "another one");
    EXPECT_EQ(port_->failure().cause, "it is odd") << "the first one counts";
}

TEST_F(StreamPortTest, ResultsThatWereSentAndHaveNotComeAreAnError) {
    open();
    arrive({1});
    end(2);
    EXPECT_EQ(read(), List{1});
    EXPECT_EQ(get_now().what, What::failed);
    EXPECT_THAT(port_->failure().cause, HasSubstr("2 were sent and 1 have come"));
}

// The rank of one of its stages is gone: neither end nor credit will ever come.
TEST_F(StreamPortTest, WhoWaitsForALostRankIsTold) {
    open();
    taken();
    std::atomic<bool> ended{false};
    std::thread feeds([&] {
        Put last = Put::taken;
        for (std::int64_t i = 0; last == Put::taken; ++i) last = port_->put(0, i);
        EXPECT_EQ(last, Put::ended);
    });
    std::thread reads([&] {
        EXPECT_EQ(port_->get(0, {}).what, What::failed);
        ended = true;
    });
    while (pump().items.size() < 100) std::this_thread::yield();
    EXPECT_FALSE(ended);
    port_->job_failed(kMap, "rank 5 on a was lost with this job");
    port_->over(false);
    feeds.join();
    reads.join();
    EXPECT_EQ(port_->failure().stage, "map");
    EXPECT_EQ(port_->failure().cause, "rank 5 on a was lost with this job");
    EXPECT_EQ(port_->put(0, 1), Put::ended);
}

TEST_F(StreamPortTest, AStreamThatFailedWithoutACauseSaysSo) {
    open();
    port_->over(false);
    EXPECT_EQ(get_now().what, What::failed);
    EXPECT_EQ(port_->failure().cause, "the stream failed");
}

TEST_F(StreamPortTest, StoppingDropsWhatIsThereAndIsToldOnce) {
    open();
    taken();
    arrive({1});
    port_->put(0, 1);
    port_->stop();
    const Sent sent = pump();
    EXPECT_TRUE(stop_asked_);
    EXPECT_TRUE(sent.items.empty());
    ASSERT_TRUE(sent.end);
    EXPECT_TRUE(sent.end->failed) << "there would have been more";
    pump();
    EXPECT_FALSE(stop_asked_);
    arrive({2});  // was under way: its sender gets its credit back
    EXPECT_EQ(get_now().what, What::ended);
    EXPECT_EQ(port_->put(0, 2), Put::ended);
}

TEST_F(StreamPortTest, ARunThatEndsEarlyIsNoEndOfTheStream) {
    open();
    arrive({1});
    port_->run_stops();
    port_->detach();
    EXPECT_EQ(read(), List{1});
    EXPECT_EQ(get_now().what, What::stopped);
    EXPECT_EQ(port_->put(0, 1), Put::stopped);
}

TEST_F(StreamPortTest, WhatFeedsItFailsItForReadersToo) {
    open();
    arrive({1});
    port_->fail({"in", std::nullopt, "the range threw"});
    EXPECT_EQ(read(), List{1});
    EXPECT_EQ(get_now().what, What::failed);
    EXPECT_EQ(port_->failure().cause, "the range threw");
    pump();
    EXPECT_TRUE(stop_asked_);
}

}  // namespace
}  // namespace penstock
