#include "value/placeholders.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Cut {
    std::vector<TextPiece> pieces;
    std::vector<std::string> problems;
};
Cut cut(std::string_view text) {
    Cut cut;
    cut.pieces = placeholder_pieces(text, cut.problems);
    return cut;
}

const auto text = [](std::string t) { return TextPiece{false, std::move(t)}; };
const auto name = [](std::string n) { return TextPiece{true, std::move(n)}; };

TEST(Placeholders, CutsTextFromNames) {
    EXPECT_THAT(cut("").pieces, IsEmpty());
    EXPECT_THAT(cut("plain").pieces, ElementsAre(text("plain")));
    EXPECT_THAT(cut("{a}").pieces, ElementsAre(name("a")));
    EXPECT_THAT(cut("x{a-1}{b_2}y").pieces, ElementsAre(text("x"), name("a-1"), name("b_2"), text("y")));
    EXPECT_THAT(cut("{definition-dir}/x").pieces, ElementsAre(name("definition-dir"), text("/x")));
    EXPECT_THAT(cut("{{{a}}}").pieces, ElementsAre(text("{"), name("a"), text("}")));
    EXPECT_THAT(cut("awk '{{print $1}}'").pieces, ElementsAre(text("awk '{print $1}'")));
    EXPECT_THAT(cut("{{{{").pieces, ElementsAre(text("{{")));
}

TEST(Placeholders, MalformedOnesStayTextAndAreReported) {
    for (const char* malformed : {"{", "}", "{}", "{a b}", "{a", "a}", "{a.b}", "{é}", "{a}}", "{{a}"}) {
        EXPECT_THAT(cut(malformed).problems, ElementsAre(HasSubstr("`"))) << malformed;
    }
    EXPECT_THAT(cut("{a b} {c}").pieces, ElementsAre(text("{a b} "), name("c")));
    EXPECT_THAT(cut("{a b}").problems, ElementsAre(HasSubstr("`{a b}` is no placeholder")));
}

TEST(PlaceholderNames, OfAllStringsEachOnceInOrder) {
    std::vector<std::string> problems;
    const Value value = List{"{b}{a}", Map{{"{key}", "{c}"}, {"other", List{"{a}", 1}}}, Bytes(3)};
    EXPECT_THAT(placeholder_names(value, problems), ElementsAre("b", "a", "c"));
    EXPECT_THAT(problems, IsEmpty());
}

}  // namespace
}  // namespace penstock
