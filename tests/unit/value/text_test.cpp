// The small helpers for text: base64, UTF-8, quantities.
#include "value/base64.hpp"
#include "value/quantity.hpp"
#include "value/utf8.hpp"

#include "support/seed.hpp"

#include <gtest/gtest.h>

#include <random>

namespace penstock {
namespace {

std::string base64(std::string_view text) { return to_base64(std::as_bytes(std::span(text))); }

TEST(Base64, TestVectorsOfRfc4648) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foob"), "Zm9vYg==");
    EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64("\xfb\xff"), "+/8=");
}

TEST(Base64, ReadsBackTheSame) {
    PENSTOCK_TRACE_SEED();
    std::mt19937_64 random(test::seed());
    for (std::size_t length = 0; length < 100; ++length) {
        std::vector<std::byte> bytes(length);
        for (std::byte& b : bytes) b = static_cast<std::byte>(random());
        ASSERT_EQ(from_base64(to_base64(bytes)), bytes);
    }
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zg==Zg==", "-_=="})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(Utf8, TellsCharactersFromOtherBytes) {
    for (const char* good : {"", "a", "é", "水", "🌊", "\x7f", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (const char* bad :
         {"\x80", "\xff", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xe6\xb0", "\xc3(", "\xe6\xb0\x28"})
        EXPECT_FALSE(is_utf8(bad)) << testing::PrintToString(std::string(bad));
    EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, ReplacesEachByteThatBelongsToNoCharacter) {
    EXPECT_EQ(to_utf8("aéb"), "aéb");
    EXPECT_EQ(to_utf8("a\xff\xfe"), "a\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(to_utf8("\xc3水"), "\xef\xbf\xbd水");
    EXPECT_TRUE(is_utf8(to_utf8("\xed\xa0\x80\xe6\xb0")));
}

TEST(Quantity, Durations) {
    EXPECT_EQ(parse_duration_s("10 min"), 600);
    EXPECT_EQ(parse_duration_s("10min"), 600);
    EXPECT_EQ(parse_duration_s("1.5 h"), 5400);
    EXPECT_EQ(parse_duration_s("2 d"), 172800);
    EXPECT_EQ(parse_duration_s("10 ms"), 0.01);
    EXPECT_EQ(parse_duration_s("3"), 3);
    EXPECT_EQ(parse_duration_s(" 0 s "), 0);
    for (const char* bad :
         {"", "s", "-1 s", "-0", "1 m", "1 hour", "1 s 2", "1,5 s", "nan", "inf", "1e300 d", "0x10", "1 S", "200000 d"})
        EXPECT_EQ(parse_duration_s(bad), std::nullopt) << bad;
}

TEST(Quantity, Bytes) {
    EXPECT_EQ(parse_bytes("500 MiB"), 500u << 20);
    EXPECT_EQ(parse_bytes("2 GB"), 2'000'000'000u);
    EXPECT_EQ(parse_bytes("1.5KiB"), 1536u);
    EXPECT_EQ(parse_bytes("4096"), 4096u);
    EXPECT_EQ(parse_bytes("7 B"), 7u);
    for (const char* bad : {"", "MiB", "-1", "1 mb", "1 KB", "1 MiBs", "1e30 TiB", "8388608 TiB", "nan"})
        EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace penstock
