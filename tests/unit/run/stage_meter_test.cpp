#include "run/stage_meter.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using State = StageMeter::State;

TEST(StageMeter, TimeGoesToWhatTheWorkerWasDoing) {
    StageMeter meter;
    meter.set(State::starved, 100);
    meter.set(State::working, 130);
    meter.set(State::blocked, 200);
    meter.set(State::starved, 205);
    StageCounts given;
    given.items_in = 3;
    const StageCounts counts = meter.read(given, 206);
    EXPECT_EQ(counts.items_in, 3u);
    EXPECT_EQ(counts.alive, 106);
    EXPECT_EQ(counts.starved, 31);
    EXPECT_EQ(counts.blocked, 5);
    EXPECT_EQ(meter.read(given, 210).starved, 35) << "reading changes nothing";
}

TEST(StageMeter, NothingCountsBeforeTheStreamIsOpen) {
    StageMeter meter;
    EXPECT_EQ(meter.read({}, 500), StageCounts());
    meter.set(State::working, 700);
    EXPECT_EQ(meter.read({}, 1000).alive, 300);
}

}  // namespace
}  // namespace penstock
