// Which messages are for the driver function, and what it is told of the streams it feeds and reads.
#include "run/stream_desk.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

namespace penstock {
namespace {

using What = StreamPort::Got::What;

constexpr PipelineId kStream{3}, kOther{4};
constexpr JobIndex kInput{0}, kMap{1}, kResults{2};
constexpr std::uint32_t kBroker = 5;

// in -> map -> map@results
std::shared_ptr<const Plan> fed_and_read() {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    plan->job_count = 3;
    plan->templates.resize(3);
    plan->stages.resize(3);
    for (std::uint32_t t = 0; t < 3; ++t) plan->templates[t].first_job = JobIndex(t);
    plan->templates[0].name = "in";
    plan->stages[0].role = Stage::Role::input;
    plan->templates[1].name = "map";
    plan->stages[1].from = {TemplateIndex(0)};
    plan->templates[2].name = "map@results";
    plan->stages[2].role = Stage::Role::results;
    plan->stages[2].from = {TemplateIndex(1)};
    plan->stages[2].delivered = true;
    return plan;
}

StreamItemsPtr items(const List& values) {
    ItemsWriter writer;
    for (const Value& v : values) append_item(v, writer);
    return std::make_shared<const StreamItems>(writer.take());
}

class StreamDeskTest : public ::testing::Test {
protected:
    StreamDeskTest() {
        std::filesystem::create_directories(folder_);
        port_ = std::make_shared<StreamPort>(fed_and_read(), folder_);
        desk_.open(kStream, port_);
    }
    ~StreamDeskTest() override { std::filesystem::remove_all(folder_); }

    template <class M>
    bool takes(const M& m) {
        return desk_.take(BrokerMessage(m), kBroker, out_);
    }
    StreamPort::Got get_now() { return port_->get(0, std::chrono::steady_clock::now()); }

    const std::filesystem::path folder_ =
        std::filesystem::path(::testing::TempDir()) / ("stream-desk-" + std::to_string(getpid()));
    Waker waker_;
    StreamDesk desk_{waker_};
    std::shared_ptr<StreamPort> port_;
    Outbox out_{0};
};

// The broker of rank 0 has jobs of streams too, perhaps of the same.
TEST_F(StreamDeskTest, TakesWhatIsForTheDriverFunctionAndLeavesTheRestToTheBroker) {
    EXPECT_FALSE(takes(msg::StreamItems{kStream, kInput, kMap, 0, true, items({1}), 0}));
    EXPECT_FALSE(takes(msg::StreamEnd{kStream, kInput, kMap, 1, false}));
    EXPECT_FALSE(takes(msg::StreamTaken{kStream, kInput, kMap, 1, 9}));
    EXPECT_FALSE(takes(msg::OpenStream{kStream}));
    EXPECT_FALSE(takes(msg::StopStream{kStream, false, {}, "the run ends"}));
    EXPECT_TRUE(out_.take().empty());
    EXPECT_EQ(get_now().what, What::late);

    EXPECT_TRUE(takes(msg::StreamItems{kStream, kResults, kDriver, 0, true, items({7}), 0}));
    EXPECT_EQ(out_.take().size(), 1u) << "the room is given back";
    EXPECT_TRUE(takes(msg::StreamEnd{kStream, kResults, kDriver, 1, false}));
    EXPECT_EQ(get_now().item, Value(7));
    EXPECT_EQ(get_now().what, What::ended);

    port_->put(0, Value(1));
    EXPECT_TRUE(desk_.work(out_).empty());
    EXPECT_TRUE(out_.take().empty()) << "nobody has said where the input is";
    EXPECT_TRUE(takes(msg::StreamTaken{kStream, kDriver, kInput, 0, 0}));
    EXPECT_TRUE(desk_.work(out_).empty());
    EXPECT_EQ(out_.take().size(), 1u);
}

// Messages may be under way when the stream is over.
TEST_F(StreamDeskTest, WhatIsForAStreamThatIsNotThereIsNobodys) {
    EXPECT_TRUE(takes(msg::StreamItems{kOther, kResults, kDriver, 0, true, items({7}), 0}));
    EXPECT_TRUE(takes(msg::StreamEnd{kOther, kResults, kDriver, 1, false}));
    EXPECT_TRUE(takes(msg::StreamTaken{kOther, kDriver, kInput, 0, 0}));
    EXPECT_TRUE(out_.take().empty());
    EXPECT_EQ(get_now().what, What::late);
}

TEST_F(StreamDeskTest, TellsHowTheStreamHasEnded) {
    desk_.job_failed(kOther, kMap, "of another stream");
    desk_.over(kOther, false);
    EXPECT_EQ(get_now().what, What::late);
    EXPECT_TRUE(desk_.has(kStream));
    desk_.job_failed(kStream, kMap, "item 2: it is odd");
    desk_.over(kStream, false);
    EXPECT_FALSE(desk_.has(kStream));
    EXPECT_EQ(get_now().what, What::failed);
    EXPECT_EQ(port_->failure().cause, "it is odd");
}

TEST_F(StreamDeskTest, AFailureWithoutACauseIsOneToo) {
    desk_.over(kStream, false);
    EXPECT_EQ(get_now().what, What::failed);
    auto other = std::make_shared<StreamPort>(fed_and_read(), folder_);
    desk_.open(kOther, other);
    desk_.over(kOther, true);
    EXPECT_EQ(other->get(0, std::nullopt).what, What::ended);
}

TEST_F(StreamDeskTest, AStreamThatNobodyWantsIsToBeStoppedOnce) {
    auto other = std::make_shared<StreamPort>(fed_and_read(), folder_);
    desk_.open(kOther, other);
    EXPECT_TRUE(desk_.work(out_).empty());
    other->stop();
    EXPECT_EQ(desk_.work(out_), std::vector{kOther});
    EXPECT_TRUE(desk_.work(out_).empty());
}

TEST_F(StreamDeskTest, WhenTheRunStopsNothingComesOrGoes) {
    takes(msg::StreamTaken{kStream, kDriver, kInput, 0, 0});
    desk_.close();
    EXPECT_FALSE(desk_.has(kStream));
    EXPECT_EQ(port_->put(0, Value(1)), StreamPort::Put::stopped);
    EXPECT_EQ(port_->get(0, std::nullopt).what, What::stopped);
    EXPECT_TRUE(desk_.work(out_).empty());
    EXPECT_TRUE(out_.take().empty());
}

}  // namespace
}  // namespace penstock
