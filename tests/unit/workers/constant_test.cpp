#include "workers/constant.hpp"

#include "support/fake_context.hpp"
#include "support/print_value.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Constant, MakesTheKeysOfItsValues) {
    const Document with{{"values", Map{{"a", 1}, {"b", List{"x"}}}}};
    EXPECT_THAT(Constant::makes(with), ElementsAre("a", "b"));
    EXPECT_THAT(Constant::check(with), IsEmpty());
    test::FakeContext context(with);
    EXPECT_EQ(Constant().process({}, context), (Document{{"a", 1}, {"b", List{"x"}}}));
}

TEST(Constant, SaysWhatIsWrongWithItsParameters) {
    EXPECT_THAT(Constant::check({}), ElementsAre(HasSubstr("needs the parameter `values`, a map")));
    EXPECT_THAT(Constant::check({{"values", 1}, {"a", 2}}),
                ElementsAre("`constant` has no parameter `a`; it has values", HasSubstr("`values`, a map")));
    EXPECT_THAT(Constant::makes({{"values", 1}}), IsEmpty());
}

}  // namespace
}  // namespace penstock
