#include "value/huge_pages.hpp"
#include "value/shared_bytes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <vector>

#include <unistd.h>

namespace penstock {
namespace {

std::size_t resident_bytes() {
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(HugePages, BlocksOfASlabAreApart) {
    constexpr std::size_t kBytes = 260 * 1024;
    ASSERT_TRUE(BlockSlab::worth_it(kBytes));
    BlockSlab slab(kBytes);
    std::vector<std::byte*> blocks;
    while (!slab.all_cut()) blocks.push_back(slab.cut());
    EXPECT_EQ(blocks.size(), kHugePage / kBytes);
    for (std::size_t i = 0; i < blocks.size(); ++i) std::memset(blocks[i], static_cast<int>(i), kBytes);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        EXPECT_EQ(blocks[i][0], static_cast<std::byte>(i));
        EXPECT_EQ(blocks[i][kBytes - 1], static_cast<std::byte>(i));
    }
}

TEST(HugePages, ASlabIsOverWhenTheLastOfItsBlocksIsGivenBack) {
    BlockSlab slab(600 * 1024);
    std::byte* const first = slab.cut();
    EXPECT_FALSE(slab.give_back(first)) << "more may be cut from it";
    std::vector<std::byte*> blocks;
    while (!slab.all_cut()) blocks.push_back(slab.cut());
    for (std::size_t i = 0; i < blocks.size(); ++i) EXPECT_EQ(slab.give_back(blocks[i]), i + 1 == blocks.size());
}

TEST(HugePages, LargeMemoryBeginsWhereAHugePageDoes) {
    for (const std::size_t bytes : {kHugePage, kHugePage + 1, 5 * kHugePage - 3}) {
        std::byte* const memory = map_huge(bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kHugePage, 0u);
        memory[0] = memory[bytes - 1] = std::byte{1};
        unmap_huge(memory, bytes);
    }
}

// Of blocks of every size: many at once, as a slow stage lets them gather, then none.
TEST(HugePages, WhatManyBlocksHeldGoesBackToTheSystem) {
    constexpr std::size_t kAll = 128 << 20, kMayStay = 48 << 20;  // spare blocks, and what the test itself has
    const std::size_t before = resident_bytes();
    for (const std::size_t bytes : {260 << 10, 600 << 10, 1 << 20, 3 << 20, 9 << 20}) {
        SCOPED_TRACE(bytes);
        std::vector<SharedBytes> all;
        for (std::size_t held = 0; held < kAll; held += bytes) {
            BytesWriter writer;
            std::memset(writer.extend(bytes), 1, bytes);
            all.push_back(writer.take());
        }
        EXPECT_GE(resident_bytes(), before + kAll / 2);
        all.clear();
        EXPECT_LE(resident_bytes(), before + kMayStay);
    }
}

TEST(HugePages, BlocksAreNeverGivenTwice) {
    std::vector<SharedBytes> all;
    for (int round = 0; round < 3; ++round) {
        std::set<const std::byte*> begins;
        for (int i = 0; i < 200; ++i) {
            BytesWriter writer;
            *writer.extend(260 * 1024) = static_cast<std::byte>(i);
            all.push_back(writer.take());
            EXPECT_TRUE(begins.insert(all.back().data()).second);
        }
        for (int i = 0; i < 200; ++i) EXPECT_EQ(*all[static_cast<std::size_t>(i)].data(), static_cast<std::byte>(i));
        all.clear();
    }
}

}  // namespace
}  // namespace penstock
