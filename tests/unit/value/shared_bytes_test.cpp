#include "value/shared_bytes.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace penstock {
namespace {

std::vector<std::byte> bytes_of(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 256);
    return bytes;
}

TEST(SharedBytes, WhatIsWrittenInPiecesIsWhole) {
    const std::vector<std::byte> all = bytes_of(5'000'000);
    BytesWriter writer;
    for (std::size_t at = 0, piece = 1; at < all.size(); piece = piece * 3 + 1) {
        const std::size_t n = std::min(piece, all.size() - at);
        writer.append(std::span(all).subspan(at, n));
        at += n;
    }
    EXPECT_EQ(writer.size(), all.size());
    EXPECT_EQ(writer.take(), SharedBytes(all));
    EXPECT_TRUE(writer.empty());
    writer.append(std::span(all).first(3));
    EXPECT_EQ(writer.take().size(), 3u) << "it can be used again";
}

TEST(SharedBytes, APartNeedsNoCopyAndKeepsTheWhole) {
    BytesWriter writer;
    writer.append(bytes_of(100'000));
    SharedBytes whole = writer.take();
    const SharedBytes part = whole.part(1000, 50);
    EXPECT_EQ(part.data(), whole.data() + 1000);
    whole = {};
    EXPECT_EQ(part, SharedBytes(bytes_of(100'000)).part(1000, 50));
}

TEST(SharedBytes, ABlockIsUsedAgainOnlyWhenNobodyHasIt) {
    BytesWriter writer;
    writer.extend(100'000);
    const SharedBytes first = writer.take();
    writer.extend(100'000);
    const SharedBytes second = writer.take();
    EXPECT_NE(first.data(), second.data());
}

TEST(SharedBytes, ThreadsDropWhatOthersMade) {
    for (int round = 0; round < 200; ++round) {
        BytesWriter writer;
        writer.append(bytes_of(20'000));
        SharedBytes all = writer.take();
        std::thread other(
            [part = all.part(10, 10'000)] { EXPECT_EQ(part, SharedBytes(bytes_of(20'000)).part(10, 10'000)); });
        all = {};
        writer.append(bytes_of(20'000));
        EXPECT_EQ(writer.take(), SharedBytes(bytes_of(20'000)));
        other.join();
    }
}

}  // namespace
TEST(BytesWriter, HasRoomAtOnceForAsMuchAsWasTakenLast) {
    const std::vector<std::byte> some(64 * 1024);
    BytesWriter writer;
    const auto append_all = [&] {
        writer.append(some);
        const std::byte* const first = writer.data();
        for (int i = 1; i < 10; ++i) writer.append(some);
        return writer.data() == first;
    };
    EXPECT_FALSE(append_all()) << "it grows, and moves";
    const SharedBytes taken = writer.take();
    EXPECT_TRUE(append_all());
    EXPECT_EQ(taken, writer.take());
}

}  // namespace penstock
