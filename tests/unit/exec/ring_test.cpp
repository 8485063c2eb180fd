#include "exec/channel.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <thread>

namespace penstock::testing {

class RingTest : public ::testing::Test {
protected:
    ChannelMemory memory_ = ChannelMemory::create();
    RingCursors& cursors_ = memory_.control().jobs;
    RingWriter writer_{cursors_, memory_.jobs()};
    RingReader reader_{cursors_, memory_.jobs()};
};

TEST_F(RingTest, RecordsOfAnySizeComeOutAsTheyWentIn) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::deque<std::vector<std::byte>> inside;
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::byte> body(random() % (i % 10 == 0 ? kMaxRecordBytes - 16 : 500));
        for (std::byte& b : body) b = static_cast<std::byte>(random());
        RecordHeader* record = nullptr;
        while ((record = writer_.reserve(RecordKind::job, body.size())) == nullptr) {
            ASSERT_FALSE(inside.empty()) << "an empty ring has room for any record";
            RecordHeader* front = reader_.front();
            ASSERT_NE(front, nullptr);
            ASSERT_EQ(front->kind, RecordKind::job);
            ASSERT_GE(reader_.body().size(), inside.front().size());
            if (!inside.front().empty()) {
                ASSERT_EQ(std::memcmp(reader_.body().data(), inside.front().data(), inside.front().size()), 0);
            }
            inside.pop_front();
            reader_.pop();
        }
        if (!body.empty()) std::memcpy(RingWriter::body(record), body.data(), body.size());
        writer_.publish();
        inside.push_back(std::move(body));
    }
}

TEST_F(RingTest, NothingIsSeenBeforeItIsPublished) {
    ASSERT_NE(writer_.reserve(RecordKind::job, 8), nullptr);
    EXPECT_TRUE(reader_.empty());
    EXPECT_EQ(reader_.front(), nullptr);
    writer_.publish();
    EXPECT_FALSE(reader_.empty());
    EXPECT_NE(reader_.front(), nullptr);
}

TEST_F(RingTest, RoomIsPromisedOnlyWhereItIs) {
    while (writer_.has_room(1000)) {
        ASSERT_NE(writer_.reserve(RecordKind::job, 1000 - sizeof(RecordHeader)), nullptr);
        writer_.publish();
    }
    EXPECT_FALSE(writer_.has_room(1000));
    while (reader_.front() != nullptr) reader_.pop();
    EXPECT_TRUE(writer_.has_room(1000));
}

TEST_F(RingTest, TwoThreadsPassAMillionRecords) {
    constexpr std::uint64_t kCount = 1'000'000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < kCount;) {
            RecordHeader* record = writer_.reserve(RecordKind::job, sizeof i);
            if (record == nullptr) {
                std::this_thread::yield();
                continue;
            }
            std::memcpy(RingWriter::body(record), &i, sizeof i);
            writer_.publish();
            ++i;
        }
    });
    bool in_order = true;
    for (std::uint64_t i = 0; i < kCount;) {
        if (reader_.front() == nullptr) {
            std::this_thread::yield();
            continue;
        }
        auto body = reader_.body();
        in_order &= read_plain<std::uint64_t>(body) == i;
        reader_.pop();
        ++i;
    }
    writer.join();
    EXPECT_TRUE(in_order);
    EXPECT_TRUE(reader_.empty());
}

// What a worker process that writes anywhere may leave behind.
TEST_F(RingTest, DamageIsNoticed) {
    writer_.reserve(RecordKind::job, 100);
    writer_.publish();
    auto* record = reinterpret_cast<RecordHeader*>(memory_.jobs());
    const std::uint32_t good = record->bytes;
    for (const std::uint32_t bad : {0u, 8u, 17u, good + 16, ~0u, static_cast<std::uint32_t>(2 * kRingBytes)}) {
        record->bytes = bad;
        EXPECT_THROW(reader_.front(), ChannelDamage) << bad;
    }
    record->bytes = good;
    EXPECT_NE(reader_.front(), nullptr);
    cursors_.end = 3 * kRingBytes;
    EXPECT_THROW(reader_.front(), ChannelDamage);
    cursors_.end = 7;
    EXPECT_THROW(reader_.front(), ChannelDamage);
    cursors_.start = 1ull << 60;
    EXPECT_THROW(writer_.reserve(RecordKind::job, 8), ChannelDamage);
    EXPECT_THROW(writer_.has_room(8), ChannelDamage);
    std::span<const std::byte> too_short;
    EXPECT_THROW(read_plain<std::uint32_t>(too_short), ChannelDamage);
}

}  // namespace penstock::testing
