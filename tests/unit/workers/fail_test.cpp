// `fail` and `crash`: the workers that go wrong on purpose.
#include "workers/fail.hpp"
#include "support/fake_context.hpp"
#include "workers/crash.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::ExitedWithCode;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::KilledBySignal;
using testing::ThrowsMessage;

Document fail(Document parameters, int attempt = 1) {
    test::FakeContext context(std::move(parameters), attempt);
    return Fail().process({}, context);
}

Document crash(Document parameters, int attempt = 1) {
    test::FakeContext context(std::move(parameters), attempt);
    return Crash().process({}, context);
}

TEST(Fail, WithItsMessage) {
    EXPECT_THAT([] { fail({{"message", "no such luck"}}); }, ThrowsMessage<std::runtime_error>("no such luck"));
    EXPECT_THAT([] { fail({}); }, ThrowsMessage<std::runtime_error>(HasSubstr("worker type `fail`")));
}

TEST(Fail, OnlyTheFirstAttempts) {
    EXPECT_THROW(fail({{"attempts", 2}}, 1), std::runtime_error);
    EXPECT_THROW(fail({{"attempts", 2}}, 2), std::runtime_error);
    EXPECT_TRUE(fail({{"attempts", 2}}, 3).empty());
}

TEST(Fail, SaysWhatIsWrongWithItsParameters) {
    EXPECT_THAT(Fail::check({{"message", "x"}, {"attempts", 1}}), IsEmpty());
    EXPECT_THAT(Fail::check({{"text", "x"}}), ElementsAre("`fail` has no parameter `text`; it has message, attempts"));
    EXPECT_THAT(Fail::check({{"attempts", "all"}}), ElementsAre(HasSubstr("must be a whole number")));
}

TEST(CrashDeathTest, DiesTheWayItIsTold) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(crash({}), KilledBySignal(SIGSEGV), "");
    EXPECT_EXIT(crash({{"how", "abort"}}), KilledBySignal(SIGABRT), "");
    EXPECT_EXIT(crash({{"how", "exit"}}), ExitedWithCode(3), "");
}

TEST(Crash, OnlyTheFirstAttempts) { EXPECT_TRUE(crash({{"attempts", 1}}, 2).empty()); }

TEST(Crash, SaysWhatIsWrongWithItsParameters) {
    EXPECT_THAT(Crash::check({{"how", "hang"}, {"attempts", "{n}"}}), IsEmpty());
    EXPECT_THAT(Crash::check({{"how", "gently"}}), ElementsAre(HasSubstr("must be segfault, abort, exit or hang")));
    EXPECT_THROW(crash({{"how", "gently"}}), ValueError);
}

}  // namespace
}  // namespace penstock
