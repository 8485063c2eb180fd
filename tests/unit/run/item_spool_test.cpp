// Items that wait: in memory up to a bound, then in a file; they come out as they went in, whatever the portions.
#include "run/item_spool.hpp"

#include "sim/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

namespace penstock {
namespace {

using sim::Random;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ItemSpoolTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "item-spool-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    static StreamItemsPtr items(const std::vector<std::string>& texts) {
        ItemsWriter items;
        for (const std::string& text : texts) {
            const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
            std::copy_n(bytes, text.size(), items.bytes.extend(text.size()));
            items.sizes.push_back(static_cast<std::uint32_t>(text.size()));
        }
        return std::make_shared<const StreamItems>(items.take());
    }
    static void append(const StreamItems& items, std::vector<std::string>& to) {
        std::size_t at = 0;
        for (const std::uint32_t size : items.sizes) {
            const auto one = items.bytes.span().subspan(at, size);
            to.emplace_back(reinterpret_cast<const char*>(one.data()), one.size());
            at += size;
        }
    }
    static std::vector<std::string> all_of(ItemSpool& spool) {
        std::vector<std::string> all;
        while (!spool.empty()) append(*spool.pop().load(), all);
        return all;
    }
    static std::ptrdiff_t open_files() {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    }
    // "" when it could be put in.
    static std::string problem_with(ItemSpool& spool, const StreamItemsPtr& items) {
        try {
            spool.push(items);
            return "";
        } catch (const std::runtime_error& error) {
            return error.what();
        }
    }

    std::filesystem::path folder_;
    const std::string large_ = std::string(100'000, 'x');
};

TEST_F(ItemSpoolTest, WhatGoesInComesOutInItsOrder) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        ItemSpool spool(folder_, random.chance(0.5) ? 0 : random.below(200'000));
        std::vector<std::string> in, out;
        std::uint64_t bytes = 0;
        for (int step = 0; step < 200; ++step) {
            if (random.chance(0.6)) {
                std::vector<std::string> texts;
                for (std::uint32_t n = random.chance(0.1) ? 3000 : random.below(5); n != 0; --n)
                    texts.emplace_back(random.chance(0.02) ? random.below(100'000) : random.below(30),
                                       static_cast<char>('a' + in.size() % 26));
                for (const std::string& text : texts) bytes += text.size();
                in.insert(in.end(), texts.begin(), texts.end());
                spool.push(items(texts));
            } else if (!spool.empty()) {
                const std::size_t before = out.size();
                append(*spool.pop().load(), out);
                for (std::size_t i = before; i < out.size(); ++i) bytes -= out[i].size();
            }
            ASSERT_EQ(spool.items(), in.size() - out.size());
            ASSERT_EQ(spool.bytes(), bytes);
            ASSERT_LE(spool.bytes_in_memory(), spool.bytes());
        }
        for (std::string& rest : all_of(spool)) out.push_back(std::move(rest));
        ASSERT_EQ(out, in);
        ASSERT_EQ(spool.bytes(), 0u);
        ASSERT_EQ(spool.bytes_in_memory(), 0u);
    }
}

TEST_F(ItemSpoolTest, KeepsInMemoryWhatItMayAndTheRestInAFileWithoutAName) {
    ItemSpool spool(folder_, 300'000);
    for (int i = 0; i < 10; ++i) spool.push(items({large_}));
    EXPECT_EQ(spool.bytes(), 1'000'000u);
    EXPECT_EQ(spool.bytes_in_memory(), 300'000u);
    EXPECT_EQ(spool.bytes_on_disk(), 700'000u);
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "so that nothing is left behind by whatever ends the process";
    EXPECT_EQ(all_of(spool), std::vector<std::string>(10, large_));
}

TEST_F(ItemSpoolTest, APortionThatWasTakenOutIsThereWhenTheSpoolIsCleared) {
    ItemSpool spool(folder_, 0);
    for (int i = 0; i < 3; ++i) spool.push(items({large_ + std::to_string(i)}));
    (void)spool.pop();
    const ItemSpool::Portion second = spool.pop();
    spool.clear();
    EXPECT_TRUE(spool.empty());
    std::vector<std::string> got;
    append(*second.load(), got);
    EXPECT_EQ(got, std::vector{large_ + "1"});
}

// A stream may be read for days while it is fed.
TEST_F(ItemSpoolTest, HasOneFileHoweverMuchGoesThrough) {
    const std::ptrdiff_t before = open_files();
    ItemSpool spool(folder_, 0);
    for (int i = 0; i < 3; ++i) spool.push(items({large_}));
    std::vector<ItemSpool::Portion> readers;
    for (int i = 0; i < 20; ++i) {
        readers.push_back(spool.pop());
        spool.push(items({large_}));
    }
    EXPECT_EQ(open_files(), before + 1);
    while (!spool.empty()) readers.push_back(spool.pop());
    EXPECT_EQ(open_files(), before + 1) << "of those that have not been read";
    readers.clear();
    EXPECT_EQ(open_files(), before);
}

TEST_F(ItemSpoolTest, LeavesSomeOfTheDiskFree) {
    ItemSpool spool(folder_, 0, std::uint64_t{1} << 62);
    spool.push(items({large_}));  // one is always in memory
    const std::string problem = problem_with(spool, items({large_}));
    EXPECT_THAT(problem, AllOf(HasSubstr(folder_.string()), HasSubstr("MiB are kept free for the results"),
                               HasSubstr("put the results on a larger disk with -o")));
}

TEST_F(ItemSpoolTest, AFolderThatCannotBeMadeIsNamed) {
    ItemSpool spool("/dev/null/spill", 0);
    spool.push(items({large_}));
    EXPECT_THAT(problem_with(spool, items({large_})),
                AllOf(HasSubstr("cannot be written to /dev/null/spill: "), HasSubstr("Not a directory")));
}

// A file that may not grow fails like a full disk.
TEST_F(ItemSpoolTest, AWriteThatFailsIsTold) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit small = before;
    small.rlim_cur = 150'000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    ItemSpool spool(folder_, 0);
    std::string problem;
    for (int i = 0; i < 4 && problem.empty(); ++i) problem = problem_with(spool, items({large_}));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_THAT(problem, AllOf(HasSubstr("items that wait for their turn cannot be written to " + folder_.string()),
                               HasSubstr("File too large")));
}

}  // namespace
}  // namespace penstock
