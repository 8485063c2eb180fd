#include "run/value_cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include <unistd.h>

namespace penstock {
namespace {

class ValueCacheTest : public ::testing::Test {
protected:
    ValueCacheTest() : folder_(std::filesystem::temp_directory_path() / ("value-cache-" + std::to_string(getpid()))) {}
    ~ValueCacheTest() override { std::filesystem::remove_all(folder_); }

    static std::shared_ptr<const Document> document(std::int64_t seed, std::size_t doubles = 0) {
        Document d{{"seed", Value(seed)}};
        if (doubles != 0) {
            std::vector<double> numbers(doubles);
            std::iota(numbers.begin(), numbers.end(), static_cast<double>(seed));
            d["numbers"] = Value(numbers);
        }
        return std::make_shared<Document>(std::move(d));
    }
    std::size_t files() const {
        if (!std::filesystem::exists(folder_)) return 0;
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
    }

    std::filesystem::path folder_;
    const PipelineId pipeline_{7};
};

TEST_F(ValueCacheTest, GivesBackWhatItKeeps) {
    ValueCache cache(folder_, 3, 1 << 20);
    cache.keep(pipeline_, JobIndex(1), document(11));
    ASSERT_NE(cache.find(pipeline_, JobIndex(1)), nullptr);
    EXPECT_EQ(at(*cache.find(pipeline_, JobIndex(1)), "seed"), Value(11));
    EXPECT_EQ(cache.find(pipeline_, JobIndex(2)), nullptr);
    EXPECT_EQ(cache.find(PipelineId(8), JobIndex(1)), nullptr);
}

TEST_F(ValueCacheTest, SpillsTheOldestAndReadsThemBackTheSame) {
    ValueCache cache(folder_, 3, 100'000);
    for (std::uint32_t j = 0; j < 10; ++j) cache.keep(pipeline_, JobIndex(j), document(j, 5'000));  // 40 kB each
    EXPECT_LE(cache.memory_bytes(), 100'000u);
    EXPECT_GE(cache.spilled(), 8u);
    EXPECT_EQ(files(), cache.spilled());
    for (std::uint32_t j = 0; j < 10; ++j) {
        const auto found = cache.find(pipeline_, JobIndex(j));
        ASSERT_NE(found, nullptr) << j;
        EXPECT_EQ(*found, *document(j, 5'000)) << j;
        EXPECT_LE(cache.memory_bytes(), 100'000u);
    }
    EXPECT_EQ(cache.documents(), 10u);
}

TEST_F(ValueCacheTest, ReleaseFreesMemoryAndFiles) {
    ValueCache cache(folder_, 3, 100'000);
    for (std::uint32_t j = 0; j < 10; ++j) cache.keep(pipeline_, JobIndex(j), document(j, 5'000));
    cache.release({pipeline_, JobIndex(0), 9});
    EXPECT_EQ(cache.documents(), 1u);
    EXPECT_EQ(cache.find(pipeline_, JobIndex(4)), nullptr);
    ASSERT_NE(cache.find(pipeline_, JobIndex(9)), nullptr);
    cache.forget(pipeline_);
    EXPECT_EQ(cache.documents(), 0u);
    EXPECT_EQ(cache.memory_bytes(), 0u);
    EXPECT_EQ(files(), 0u);
}

TEST_F(ValueCacheTest, ForgettingOnePipelineLeavesOthers) {
    ValueCache cache(folder_, 3, 1 << 20);
    cache.keep(pipeline_, JobIndex(0), document(1));
    cache.keep(PipelineId(8), JobIndex(0), document(2));
    cache.forget(pipeline_);
    EXPECT_EQ(cache.find(pipeline_, JobIndex(0)), nullptr);
    EXPECT_NE(cache.find(PipelineId(8), JobIndex(0)), nullptr);
}

TEST_F(ValueCacheTest, KeepsInMemoryWhatCannotBeSpilled) {
    ValueCache cache("/proc/no-folder-can-be-made-here", 3, 1'000);
    EXPECT_NO_THROW({
        for (std::uint32_t j = 0; j < 3; ++j) cache.keep(pipeline_, JobIndex(j), document(j, 1'000));
    });
    for (std::uint32_t j = 0; j < 3; ++j) EXPECT_EQ(*cache.find(pipeline_, JobIndex(j)), *document(j, 1'000));
    EXPECT_EQ(cache.spilled(), 0u);
}

TEST_F(ValueCacheTest, AVanishedSpillFileIsAnErrorThatNamesIt) {
    ValueCache cache(folder_, 3, 1'000);
    for (std::uint32_t j = 0; j < 2; ++j) cache.keep(pipeline_, JobIndex(j), document(j, 1'000));
    std::filesystem::remove_all(folder_);
    try {
        cache.find(pipeline_, JobIndex(0));
        FAIL() << "no error";
    } catch (const std::runtime_error& e) {
        EXPECT_NE(std::string(e.what()).find(folder_.string()), std::string::npos) << e.what();
    }
}

}  // namespace
}  // namespace penstock
