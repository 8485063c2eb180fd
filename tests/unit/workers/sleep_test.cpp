#include "workers/sleep.hpp"

#include "support/fake_context.hpp"

#include <gmock/gmock.h>

#include <chrono>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

TEST(Sleep, TakesNumbersAndTextsWithUnits) {
    for (const Value& seconds : {Value(0), Value(0.5), Value("10 ms"), Value("1.5 min"), Value("{pause}")})
        EXPECT_THAT(Sleep::check({{"seconds", seconds}}), IsEmpty());
}

TEST(Sleep, SaysWhatIsWrongWithItsParameters) {
    EXPECT_THAT(Sleep::check({}), ElementsAre(HasSubstr("`sleep` needs the parameter `seconds`")));
    EXPECT_THAT(Sleep::check({{"seconds", "soon"}}),
                ElementsAre(HasSubstr("`seconds` is \"soon\"; it must be a number of seconds")));
    EXPECT_THAT(Sleep::check({{"seconds", -1}}), ElementsAre(HasSubstr("`seconds` is -1")));
    EXPECT_THAT(Sleep::check({{"seconds", List{}}}), ElementsAre(HasSubstr("`seconds` is []")));
    EXPECT_THAT(Sleep::check({{"seconds", 1}, {"second", 1}}),
                ElementsAre("`sleep` has no parameter `second`; it has seconds"));
    test::FakeContext context(Document{{"seconds", "soon"}});
    EXPECT_THAT([&] { Sleep().process({}, context); }, ThrowsMessage<std::invalid_argument>(HasSubstr("\"soon\"")));
}

TEST(Sleep, NeverWakesTooEarly) {
    test::FakeContext context(Document{{"seconds", "3 ms"}});
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(Sleep().process({}, context).empty());
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(3));
}

TEST(Sleep, EndsWhenItIsCancelled) {
    test::FakeContext context(Document{{"seconds", "90 d"}});
    context.looks_before_cancel = 1;
    EXPECT_THAT([&] { Sleep().process({}, context); }, ThrowsMessage<std::runtime_error>("sleep was cancelled"));
    EXPECT_EQ(context.looks, 2);
}

}  // namespace
}  // namespace penstock
