#include "run/position_keeper.hpp"

#include "store/position_file.hpp"
#include "support/temporary_path.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

class PositionKeeperTest : public ::testing::Test {
protected:
    PositionKeeperTest() : folder_(test::temporary_path("positions")) {
        std::filesystem::create_directories(folder_ / "positions");
        auto plan = std::make_shared<Plan>();
        plan->name = "s";
        auto context = std::make_shared<PipelineContext>();
        context->plan = std::move(plan);
        context->info.id = PipelineId(1);
        pipeline_ = std::move(context);
        identity_ = stream_identity(*pipeline_);
    }
    static std::shared_ptr<const StreamPosition> behind(std::uint64_t items) {
        auto position = std::make_shared<StreamPosition>();
        position->items = items;
        return position;
    }
    // What its file says when the keeper has done all it was told; 0 = there is none.
    template <class Tell>
    std::uint64_t after(std::uint32_t incarnation, const Tell& tell) {
        {
            PositionKeeper keeper(folder_, incarnation);
            tell(keeper);
        }
        const auto saved = read_position(folder_, *pipeline_);
        return saved ? saved->position.items : 0;
    }

    const std::filesystem::path folder_;
    std::shared_ptr<const PipelineContext> pipeline_;
    std::uint64_t identity_ = 0;
};

TEST_F(PositionKeeperTest, TheLastPositionIsWritten) {
    EXPECT_EQ(after(1,
                    [&](PositionKeeper& keeper) {
                        keeper.begin(pipeline_, identity_, false);
                        for (const std::uint64_t items : {10, 20, 30}) keeper.put(pipeline_, behind(items));
                    }),
              30u);
    EXPECT_EQ(after(2,
                    [&](PositionKeeper& keeper) {
                        keeper.begin(pipeline_, identity_, true);
                        keeper.put(pipeline_, behind(40));
                        keeper.end(pipeline_, false);
                    }),
              40u)
        << "it has failed, and may be tried again";
}

TEST_F(PositionKeeperTest, NothingIsLeftOfAStreamThatHasEndedWell) {
    EXPECT_EQ(after(1,
                    [&](PositionKeeper& keeper) {
                        keeper.begin(pipeline_, identity_, false);
                        keeper.put(pipeline_, behind(10));
                    }),
              10u);
    EXPECT_EQ(after(2,
                    [&](PositionKeeper& keeper) {  // too fast for a position of its own
                        keeper.begin(pipeline_, identity_, true);
                        keeper.end(pipeline_, true);
                    }),
              0u);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "positions"));
}

TEST_F(PositionKeeperTest, AStreamThatBeginsAgainHasNoPosition) {
    write_position(folder_, 1, identity_, *pipeline_, *behind(10));
    EXPECT_EQ(after(2, [&](PositionKeeper& keeper) { keeper.begin(pipeline_, identity_, false); }), 0u);
}

// Before anything has been written, and before what an earlier launch has left has been removed.
TEST_F(PositionKeeperTest, NothingIsLeftOfAStreamThatEndsAtOnce) {
    EXPECT_EQ(after(1,
                    [&](PositionKeeper& keeper) {
                        keeper.begin(pipeline_, identity_, false);
                        keeper.put(pipeline_, behind(10));
                        keeper.end(pipeline_, true);
                    }),
              0u);
    write_position(folder_, 1, identity_, *pipeline_, *behind(10));
    EXPECT_EQ(after(2,
                    [&](PositionKeeper& keeper) {
                        keeper.begin(pipeline_, identity_, false);
                        keeper.end(pipeline_, true);
                    }),
              0u);
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "positions"));
}

TEST_F(PositionKeeperTest, WhatCannotBeWrittenIsToldOnce) {
    std::filesystem::remove(folder_ / "positions");
    PositionKeeper keeper(folder_, 1);
    keeper.begin(pipeline_, identity_, false);
    std::string error;
    while ((error = keeper.take_error()).empty()) keeper.put(pipeline_, behind(10));
    EXPECT_NE(error.find("positions"), std::string::npos) << error;
    keeper.put(pipeline_, behind(20));
    EXPECT_EQ(keeper.take_error(), "");
}

}  // namespace
}  // namespace penstock
