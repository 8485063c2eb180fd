#include "language/diagnostic.hpp"

#include "language/diagnostics.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

Diagnostic example() {
    Diagnostic d;
    d.file = "sweep.yaml";
    d.line = 7;
    d.column = 5;
    d.length = 6;
    d.source_line = "    retrys: 3";
    d.problem = "unknown key `retrys`";
    d.reason = "there is no such key";
    d.suggestion = "did you mean `retries`?";
    return d;
}

TEST(Diagnostic, HasPlaceLineCaretReasonAndRemedy) {
    EXPECT_EQ(render(example()),
              "sweep.yaml:7:5: error: unknown key `retrys`\n"
              "    7 |     retrys: 3\n"
              "      |     ^~~~~~\n"
              "  why: there is no such key\n"
              "  try: did you mean `retries`?\n");
}

TEST(Diagnostic, LeavesOutWhatIsNotKnown) {
    Diagnostic d;
    d.severity = Diagnostic::Severity::warning;
    d.problem = "odd";
    EXPECT_EQ(render(d), "warning: odd\n");
    d.file = "a.yaml";
    EXPECT_EQ(render(d), "a.yaml: warning: odd\n");
    EXPECT_EQ(render(std::vector<Diagnostic>{d, d}), "a.yaml: warning: odd\na.yaml: warning: odd\n");
}

TEST(Diagnostic, KeepsTheCaretUnderItsPlaceBehindTabsAndUmlauts) {
    Diagnostic d = example();
    d.source_line = "\tä: x\tyy";
    d.column = 7;
    d.length = 2;
    d.reason = d.suggestion = "";
    EXPECT_EQ(render(d),
              "sweep.yaml:7:7: error: unknown key `retrys`\n"
              "    7 | \tä: x\tyy\n"
              "      | \t    \t^~\n");
}

TEST(Diagnostic, NeverSpeaksToTheTerminal) {
    Diagnostic d = example();
    d.source_line = "a\x1b[31m";
    d.problem = "bell \x07";
    d.suggestion = std::string("nul ") + '\0';
    const std::string text = render(d);
    for (char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
    EXPECT_NE(text.find("bell \\x07"), std::string::npos);
}

TEST(Diagnostic, UnderlinesNoMoreThanTheLineHas) {
    Diagnostic d = example();
    d.length = 1000;
    EXPECT_NE(render(d).find("|     ^~~~~~~~~\n"), std::string::npos);
}

TEST(Diagnostic, QuotesLongTextCutAtACharacter) {
    EXPECT_EQ(quote("a\nb"), "`a\\x0ab`");
    std::string umlauts;
    for (int i = 0; i < 100; ++i) umlauts += "ä";
    const std::string shown = quote("x" + umlauts);
    EXPECT_EQ(shown, "`x" + umlauts.substr(0, 78) + "...`");
}

TEST(DidYouMean, FindsTheNearestFirst) {
    const std::vector<std::string> words{"retries", "timeout", "priority", "resources"};
    EXPECT_EQ(did_you_mean("retrys", words), std::vector<std::string>{"retries"});
    EXPECT_EQ(did_you_mean("tiemout", words), std::vector<std::string>{"timeout"});
    EXPECT_TRUE(did_you_mean("isolation", words).empty());
    EXPECT_TRUE(did_you_mean("", words).empty());
    EXPECT_EQ(did_you_mean("ab", std::vector<std::string>{"ac", "bb", "cd", "ad", "ae"}),
              (std::vector<std::string>{"ac", "bb", "ad"}));
    EXPECT_TRUE(did_you_mean(std::string(100'000, 'x'), words).empty());
}

TEST(DidYouMean, IsASentence) {
    EXPECT_EQ(did_you_mean_text("ac", {"ab", "ad", "xyz"}), "did you mean `ab` or `ad`?");
    EXPECT_EQ(did_you_mean_text("hello", {"xyz"}), "");
}

TEST(Enumerate, CountsWhatItDoesNotName) {
    EXPECT_EQ(enumerate({}), "");
    EXPECT_EQ(enumerate({"a"}), "`a`");
    EXPECT_EQ(enumerate({"a", "b", "c"}), "`a`, `b` and `c`");
    EXPECT_EQ(enumerate({"a", "b", "c"}, 2), "`a`, `b` and 1 more");
}

TEST(Diagnostics, AreToldInTheOrderOfFilesAndPlaces) {
    const SourceText second("b.yaml", "one\ntwo\n", 1), first("a.yaml", "one\ntwo\n", 0);
    Diagnostics diagnostics(100);
    diagnostics.error(second, {0, 3}, "third");
    diagnostics.warning(first, {4, 3}, "second");
    diagnostics.error(first, {0, 3}, "first");
    diagnostics.error(second, {}, "last");
    const std::vector<Diagnostic> all = diagnostics.take();
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].problem, "first");
    EXPECT_EQ(all[1].problem, "second");
    EXPECT_EQ(all[1].line, 2u);
    EXPECT_EQ(all[2].problem, "third");
    EXPECT_EQ(all[3].problem, "last");
    EXPECT_EQ(all[3].line, 0u);
}

TEST(Diagnostics, ShowTheFirstAndCountTheRest) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "x\n";
    const SourceText source("a.yaml", text);
    Diagnostics diagnostics(10);
    for (std::uint32_t i = 5000; i-- > 0;) diagnostics.error(source, {2 * i, 1}, "error " + std::to_string(i));
    for (std::uint32_t i = 0; i < 30; ++i) diagnostics.warning(source, {2 * i, 1}, "warning");
    EXPECT_EQ(diagnostics.errors(), 5000u);
    const std::vector<Diagnostic> all = diagnostics.take();
    ASSERT_EQ(all.size(), 21u);
    EXPECT_EQ(all[0].problem, "error 0");
    EXPECT_EQ(all[18].problem, "error 9");
    EXPECT_EQ(all[20].problem, "not shown: 4990 more errors and 20 more warnings");
    EXPECT_EQ(all[20].severity, Diagnostic::Severity::note);
}

TEST(Diagnostics, ShowAStretchOfAVeryLongLine) {
    std::string text = std::string(1000, 'a') + "HERE" + std::string(1'000'000, 'b');
    const SourceText source("a.json", text);
    Diagnostics diagnostics(10);
    diagnostics.error(source, {1000, 4}, "wrong");
    const std::vector<Diagnostic> all = diagnostics.take();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].column, 1001u);
    EXPECT_LE(all[0].source_line.size(), 200u);
    const std::string shown = render(all[0]);
    const std::size_t here = shown.find("HERE"), caret = shown.find('^');
    const auto column = [&](std::size_t at) { return at - shown.rfind('\n', at); };
    EXPECT_EQ(column(here), column(caret));
}

TEST(SourceText, KnowsLinesAndColumnsInCharacters) {
    const SourceText source("a",
                            "\xef\xbb\xbf"
                            "ab\r\n\xc3\xbc!\n");
    EXPECT_EQ(source.text().size(), 8u);
    EXPECT_EQ(source.position({0, 1}).line, 1u);
    EXPECT_EQ(source.position({0, 1}).column, 1u);
    EXPECT_EQ(source.line_at({1, 1}), "ab");
    EXPECT_EQ(source.position({6, 1}).line, 2u);
    EXPECT_EQ(source.position({6, 1}).column, 2u);
    EXPECT_EQ(source.position({8, 0}).line, 3u);
    EXPECT_EQ(source.position({1000, 0}).line, 3u);
    EXPECT_EQ(source.position({}).line, 0u);
    EXPECT_EQ(source.describe({6, 1}), "line 2, column 2");
}

}  // namespace
}  // namespace penstock
