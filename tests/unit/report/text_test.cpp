#include "report/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace penstock {
namespace {

TEST(Text, CountsAreGroupedByThousands) {
    EXPECT_EQ(count_text(0), "0");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(count_text(1000), "1,000");
    EXPECT_EQ(count_text(1234567), "1,234,567");
    EXPECT_EQ(count_text(std::numeric_limits<std::uint64_t>::max()), "18,446,744,073,709,551,615");
}

TEST(Text, PluralOnlyWhereThereAreSeveralOrNone) {
    EXPECT_EQ(counted(1, "job"), "1 job");
    EXPECT_EQ(counted(0, "job"), "0 jobs");
    EXPECT_EQ(counted(1000, "job"), "1,000 jobs");
}

TEST(Text, DurationsHaveAUnitThatFits) {
    const std::pair<double, const char*> cases[] = {
        {0, "0 s"},
        {-1, "0 s"},
        {850e-9, "850 ns"},
        {3.2e-6, "3.2 µs"},
        {3.21e-3, "3.2 ms"},
        {0.0321, "32.1 ms"},
        {0.99994, "1 s"},
        {1.5, "1.5 s"},
        {59.94, "59.9 s"},
        {59.96, "1 min 0 s"},
        {125, "2 min 5 s"},
        {3599.6, "1 h 0 min"},
        {11220, "3 h 7 min"},
        {86399, "1 d 0 h"},
        {183600, "2 d 3 h"},
        {std::numeric_limits<double>::infinity(), "?"},
        {std::numeric_limits<double>::quiet_NaN(), "?"},
    };
    for (const auto& [seconds, text] : cases) EXPECT_EQ(duration_text(seconds), text) << seconds;
}

TEST(Text, RatesAndBytes) {
    EXPECT_EQ(rate_text(0), "0");
    EXPECT_EQ(rate_text(1e-5), "<0.01");
    EXPECT_EQ(rate_text(0.25), "0.25");
    EXPECT_EQ(rate_text(12.34), "12.3");
    EXPECT_EQ(rate_text(1234567.4), "1,234,567");
    EXPECT_EQ(bytes_text(1), "1 byte");
    EXPECT_EQ(bytes_text(512), "512 bytes");
    EXPECT_EQ(bytes_text(1536), "1.5 KiB");
    EXPECT_EQ(bytes_text(500ull << 20), "500 MiB");
    EXPECT_EQ(bytes_text(2ull << 40), "2 TiB");
}

TEST(Text, WhatAJobPrintedCannotDriveTheTerminal) {
    EXPECT_EQ(printable("plain text, é 漢"), "plain text, é 漢");
    EXPECT_EQ(printable("\x1b[2J\r\n\tx"), "\\x1b[2J\\r\\n\\tx");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b") << "the one-byte CSI of Latin-1";
    EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae") << "right-to-left override";
    EXPECT_EQ(printable_lines("a\n\tb\x1b"), "a\n\tb\\x1b");
}

TEST(Text, WidthIsThatOfTheTerminal) {
    EXPECT_EQ(display_width("abc"), 3u);
    EXPECT_EQ(display_width("é"), 1u);
    EXPECT_EQ(display_width("e\xcc\x81"), 1u) << "e and a combining accent";
    EXPECT_EQ(display_width("漢字"), 4u);
}

TEST(Text, ShorteningNeverCutsACharacter) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdefg", 6), "abc...");
    EXPECT_EQ(shortened("漢字漢字", 6), "漢...");
    EXPECT_EQ(shortened("abc", 2), "..");
    EXPECT_EQ(shortened("abc", 0), "");
}

TEST(Text, ShellWordsAreQuotedWhenTheyMust) {
    EXPECT_EQ(shell_quoted("word-count/download"), "word-count/download");
    EXPECT_EQ(shell_quoted("matlab=3"), "matlab=3");
    EXPECT_EQ(shell_quoted("sweep/simulate[seed=0]"), "'sweep/simulate[seed=0]'");
    EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_quoted(""), "''");
}

TEST(TextTable, AlignsAndLeavesNoSpacesAtLineEnds) {
    TextTable table({{"name"}, {"jobs", TextTable::Align::right}, {"note"}});
    table.add({"a", "1,000", ""});
    table.add({"long-name", "2", "x"});
    EXPECT_EQ(table.render("  "),
              "  name        jobs  note\n"
              "  a          1,000\n"
              "  long-name      2  x\n");
}

TEST(TextTable, RefusesARowOfAnotherLength) {
    TextTable table({{"name"}});
    EXPECT_THROW(table.add({"a", "b"}), std::logic_error);
}

}  // namespace
}  // namespace penstock
