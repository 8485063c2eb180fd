#include "language/reader.hpp"

#include "language/names.hpp"
#include "language/scalar.hpp"
#include "value/value_json.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

// One text, read.
class Read {
public:
    explicit Read(std::string text, const std::string& name = "a.yaml", LanguageLimits limits = {})
        : source_(name, std::move(text)), diagnostics_(100) {
        documents_ = read_documents(source_, arena_, limits, diagnostics_);
        found_ = diagnostics_.take();
    }
    const Node& root() const { return *documents_.at(0).root; }
    std::size_t documents() const { return documents_.size(); }
    std::string text(std::size_t i) const { return std::string(documents_.at(i).text); }
    std::string json() const {
        std::vector<const Node*> bad_keys;
        return documents_.empty() ? "nothing" : to_json(to_value(root(), bad_keys));
    }
    std::string problem() const { return found_.empty() ? "" : found_[0].problem; }
    std::string where() const {
        return found_.empty() ? "" : std::to_string(found_[0].line) + ":" + std::to_string(found_[0].column);
    }
    std::string_view at(const Node& node) const { return source_.text().substr(node.place.offset, node.place.length); }

private:
    SourceText source_;
    Diagnostics diagnostics_;
    Arena arena_;
    std::vector<SourceDocument> documents_;
    std::vector<Diagnostic> found_;
};

std::string scalar_text(std::string_view text) {
    const PlainScalar scalar = plain_scalar(text);
    if (std::holds_alternative<PlainNull>(scalar)) return "null";
    if (const bool* b = std::get_if<bool>(&scalar)) return *b ? "true" : "false";
    if (const auto* i = std::get_if<std::int64_t>(&scalar)) return "int " + std::to_string(*i);
    if (const double* d = std::get_if<double>(&scalar)) return "float " + number_text(*d);
    return "text";
}

TEST(PlainScalar, FollowsTheCoreSchema) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "null"},
        {"~", "null"},
        {"null", "null"},
        {"NULL", "null"},
        {"nUll", "text"},
        {"true", "true"},
        {"False", "false"},
        {"yes", "text"},
        {"on", "text"},
        {"1:30", "text"},
        {"0", "int 0"},
        {"-17", "int -17"},
        {"+5", "int 5"},
        {"007", "int 7"},
        {"0x1F", "int 31"},
        {"0o17", "int 15"},
        {"0x", "text"},
        {"0x-1", "text"},
        {"-0x1", "text"},
        {"1_000", "text"},
        {"0b1", "text"},
        {"-", "text"},
        {"+", "text"},
        {".", "text"},
        {"9223372036854775807", "int 9223372036854775807"},
        {"-9223372036854775808", "int -9223372036854775808"},
        {"9223372036854775808", "float 9223372036854775808"},
        {"1.5", "float 1.5"},
        {"-.5", "float -0.5"},
        {"1.", "float 1"},
        {"1e3", "float 1000"},
        {"+1.5E-2", "float 0.015"},
        {"1e", "text"},
        {"e1", "text"},
        {"1.2.3", "text"},
        {"127.0.0.1", "text"},
        {"2026-01-01", "text"},
        {".inf", "float inf"},
        {"-.INF", "float -inf"},
        {"+.Inf", "float inf"},
        {".nan", "float nan"},
        {"nan", "text"},
        {"inf", "text"},
        {"1e999", "float inf"},
        {"-1e999", "float -inf"},
        {"1e-999", "float 0"},
        {"--1", "text"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(scalar_text(text), expected) << text;
}

TEST(Yaml, ReadsEveryKindOfNode) {
    EXPECT_EQ(Read("a: [1, 2.5, x, 'y', \"z\", ~, true]\nb: {c: }\n").json(),
              R"({"a":[1,2.5,"x","y","z",null,true],"b":{"c":null}})");
    EXPECT_EQ(Read("a: \"1\"\nb: !!str 2\nc: |\n  x\n  y\n").json(), R"({"a":"1","b":"2","c":"x\ny\n"})");
    EXPECT_EQ(Read("- a\n-\n- - b\n").json(), R"(["a",null,["b"]])");
}

TEST(Yaml, KnowsThePlaceOfEveryNode) {
    const Read read(
        "key: plain text  # comment\n'quoted \"key\"': \"a\\tb\"\nlist: [x,  yy]\nnull-key:\nblock: |\n  text\n");
    const auto members = read.root().map();
    EXPECT_EQ(read.at(*members[0].key), "key");
    EXPECT_EQ(read.at(*members[0].value), "plain text");
    EXPECT_EQ(read.at(*members[1].key), "'quoted \"key\"'");
    EXPECT_EQ(read.at(*members[1].value), "\"a\\tb\"");
    EXPECT_EQ(read.at(*members[2].value->list()[1]), "yy");
    EXPECT_EQ(read.at(*members[2].value), "[");
    EXPECT_EQ(read.at(*members[3].value), "null-key");  // it has no place of its own
    EXPECT_EQ(members[5 - 1].value->text, "text\n");
}

TEST(Yaml, DocumentsHaveTheirOwnText) {
    const Read read("# first\na: 1\n---\n---\nb: 2\n...\n");
    ASSERT_EQ(read.documents(), 2u);
    EXPECT_EQ(read.text(0), "# first\na: 1\n");
    EXPECT_EQ(read.text(1), "---\nb: 2\n...\n");
}

TEST(Yaml, MergesMaps) {
    EXPECT_EQ(Read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\n").json(),
              R"({"a":{"x":1,"y":2},"b":{"x":1,"y":3,"z":4}})");
    EXPECT_EQ(Read("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n").json(),
              R"({"a":{"x":1},"b":{"x":2,"y":2},"c":{"x":1,"y":2}})");
    EXPECT_EQ(Read("a: {'<<': 1}\n").json(), R"({"a":{"<<":1}})");
    EXPECT_EQ(Read("a: {<<: 1}\n").problem(), "`<<` merges a whole number");
}

TEST(Yaml, RefusesWhatGrows) {
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'p'; ++c) {
        bomb += std::string(1, c) + ": &" + c + " [";
        for (int i = 0; i < 10; ++i) bomb += std::string(i > 0 ? ", " : "") + "*" + static_cast<char>(c - 1);
        bomb += "]\n";
    }
    EXPECT_EQ(Read(bomb).problem(), "aliases stand for too much");
    std::string merges = "a: &a {x: 1}\nb: &b {<<: *a, y: 1}\n";
    LanguageLimits limits;
    limits.alias_nodes = 5;
    EXPECT_EQ(Read(merges, "a.yaml", limits).problem(), "");
    EXPECT_EQ(Read(merges + "c: {<<: *b}\n", "a.yaml", limits).problem(), "aliases stand for too much");
    limits = {};
    limits.nodes = 10;
    EXPECT_EQ(Read("[1, 2, 3, 4, 5, 6, 7, 8, 9]").problem(), "");
    EXPECT_EQ(Read("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "a.yaml", limits).problem(), "the document is too big");
    EXPECT_EQ(Read("&a [*a]").problem(), "an alias stands within what it refers to");
}

TEST(Yaml, CountsNestingThroughAliases) {
    std::string text = "a0: &a0 [x]\n";
    for (int i = 1; i < 250; ++i)
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    const Read read(text);
    EXPECT_EQ(read.problem(), "nested too deeply");
    EXPECT_EQ(read.where(), "200:14");  // a199, within the map at the top
}

TEST(BothReaders, RefuseNestingOfAHundredThousand) {
    constexpr int kDeep = 100'000;
    const auto repeat = [](const std::string& text, int n) {
        std::string all;
        for (int i = 0; i < n; ++i) all += text;
        return all;
    };
    for (const std::string& text : {repeat("[", kDeep), repeat("[", kDeep) + repeat("]", kDeep), repeat("{a: ", kDeep),
                                    repeat("- ", kDeep), repeat("? ", kDeep), repeat("{\"a\":", kDeep),
                                    "a: " + repeat("[", kDeep), repeat("[\n", kDeep), repeat("[a: ", kDeep)})
        EXPECT_EQ(Read(text).problem(), "nested too deeply") << text.substr(0, 20);
    EXPECT_EQ(Read(repeat("[", kDeep) + repeat("]", kDeep), "a.json").problem(), "nested too deeply");
    EXPECT_EQ(Read(repeat("[", 200) + repeat("]", 200), "a.json").problem(), "");
    EXPECT_EQ(Read(repeat("[", 201) + repeat("]", 201), "a.json").problem(), "nested too deeply");
    EXPECT_EQ(Read("x: " + repeat("[", 199) + repeat("]", 199)).problem(), "");
    EXPECT_EQ(Read("x: " + repeat("[", 200) + repeat("]", 200)).problem(), "nested too deeply");
}

TEST(BothReaders, RefuseTextThatIsNotText) {
    EXPECT_EQ(Read("a: \xff").problem(), "the text is not UTF-8");
    EXPECT_EQ(Read("a: 1\nb: \xc3\xbc\xed\xa0\x80").where(), "2:5");
    EXPECT_EQ(Read(std::string("a: 1\0b: 2", 9)).problem(), "a control character (0x00) is in the text");
    EXPECT_EQ(Read("a: 1\n\x04"
                   "b: 2\n")
                  .problem(),
              "a control character (0x04) is in the text");  // yaml-cpp: end of file
    EXPECT_EQ(Read("\xff\xfe"
                   "a",
                   "a.json")
                  .problem(),
              "the text is not UTF-8");
}

TEST(BothReaders, TellOfDoubledKeys) {
    EXPECT_EQ(Read("a: 1\na: 2\n").problem(), "the key `a` is given twice");
    EXPECT_EQ(Read("{\"x\": {\"a\": 1, \"a\": 2}}", "a.json").where(), "1:16");
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "k" + std::to_string(i) + ": 1\n";
    EXPECT_EQ(Read(many).problem(), "");
    EXPECT_EQ(Read(many + "k77: 2\n").where(), "1001:1");
}

TEST(Json, ReadsEveryKindOfNode) {
    const std::string text =
        "{\"a\": [1, -2.5e3, \"x\\n\\\"\\u00fc\\ud83d\\ude00\\\\\", null, true, false],\t\"b\": {}}";
    EXPECT_EQ(Read(text, "a.json").json(), "{\"a\":[1,-2500.0,\"x\\n\\\"ü😀\\\\\",null,true,false],\"b\":{}}");
    EXPECT_EQ(Read(text, "a.yaml").json(), Read(text, "a.json").json());  // JSON is read as such, whatever its name
    EXPECT_EQ(Read("{\"a\": 18446744073709551615, \"b\": 9223372036854775807}", "a.json").json(),
              "{\"a\":18446744073709551616.0,\"b\":9223372036854775807}");
}

TEST(Json, KnowsThePlaceOfEveryNode) {
    const Read read("{\"a\\\\\": \"x\\\"y\\\\\", \"n\": [-1.5e3, 17,0], \"l\": [true,false , null],\n \"\": 5}",
                    "a.json");
    const auto members = read.root().map();
    EXPECT_EQ(read.at(*members[0].key), "\"a\\\\\"");
    EXPECT_EQ(read.at(*members[0].value), "\"x\\\"y\\\\\"");
    EXPECT_EQ(read.at(*members[1].value->list()[0]), "-1.5e3");
    EXPECT_EQ(read.at(*members[1].value->list()[1]), "17");
    EXPECT_EQ(read.at(*members[1].value->list()[2]), "0");
    EXPECT_EQ(read.at(*members[2].value->list()[0]), "true");
    EXPECT_EQ(read.at(*members[2].value->list()[1]), "false");
    EXPECT_EQ(read.at(*members[2].value->list()[2]), "null");
    EXPECT_EQ(read.at(*members[2].value), "[");
    EXPECT_EQ(read.at(*members[3].key), "\"\"");
    EXPECT_EQ(read.at(*members[3].value), "5");
}

TEST(Json, TellsWhereItEnds) {
    EXPECT_EQ(Read("{\"a\": }", "a.json").where(), "1:7");
    EXPECT_EQ(Read("{\"a\" \"bcd\"}", "a.json").where(), "1:6");
    EXPECT_EQ(Read("{\"a\": 1", "a.json").problem(), "this is not JSON");
    EXPECT_EQ(Read("", "a.json").problem(), "this is not JSON");
    EXPECT_EQ(Read("{\"a\": 1e999}", "a.json").problem(), "this is not JSON");
    EXPECT_EQ(Read("{\"a\": \"\\ud83d\"}", "a.json").problem(), "this is not JSON");
    EXPECT_EQ(Read("{} {}", "a.json").where(), "1:4");
}

TEST(Json, SpellsValuesThatItHasNoWordsFor) {
    const Read read("{\"b\": {\"@bytes\": \"AAEC\"}, \"f\": {\"@float\": \"inf\"}, \"m\": {\"@@x\": 1}}", "a.json");
    EXPECT_EQ(read.json(), R"({"b":{"@bytes":"AAEC"},"f":{"@float":"inf"},"m":{"@@x":1}})");
    EXPECT_TRUE(read.root().find("f")->is(Node::Kind::float64));
    EXPECT_EQ(Read("{\"b\": {\"@bytes\": 5}}", "a.json").problem(), "`@bytes` does not spell a value");
    EXPECT_EQ(Read("a: {'@nonsense': 5}").json(), R"({"a":{"@@nonsense":5}})");  // a map like any other
}

TEST(Names, AreLettersDigitsAndThreeSigns) {
    for (const char* good : {"a", "1", "a.b-c_d", "...", "-"}) EXPECT_EQ(name_problem(good), "") << good;
    for (const char* bad : {"", ".", "..", "a b", "ä", "a/b", "a[1]", "@x"}) EXPECT_NE(name_problem(bad), "") << bad;
    EXPECT_EQ(name_problem(std::string(128, 'a')), "");
    EXPECT_NE(name_problem(std::string(129, 'a')), "");
    EXPECT_EQ(key_problem("a-b_1"), "");
    EXPECT_NE(key_problem("a.b"), "");
}

TEST(Names, SplitAtTheLastDot) {
    const auto split = split_reference("a.b.c");
    ASSERT_TRUE(split);
    EXPECT_EQ(split->job, "a.b");
    EXPECT_EQ(split->key, "c");
    EXPECT_FALSE(split_reference("abc"));
    EXPECT_FALSE(split_reference(".c"));
    EXPECT_FALSE(split_reference("a."));
}

TEST(Names, MatchWildcards) {
    EXPECT_TRUE(matches_wildcard("count-*", "count-"));
    EXPECT_TRUE(matches_wildcard("count-*", "count-12"));
    EXPECT_FALSE(matches_wildcard("count-*", "counts"));
    EXPECT_TRUE(matches_wildcard("*a*b*", "xxaxxbxx"));
    EXPECT_FALSE(matches_wildcard("*a*b*", "xxbxxaxx"));
    EXPECT_TRUE(matches_wildcard("a?c", "abc"));
    EXPECT_FALSE(matches_wildcard("a?c", "ac"));
    EXPECT_TRUE(matches_wildcard("*", ""));
    EXPECT_FALSE(matches_wildcard("?", ""));
    EXPECT_FALSE(matches_wildcard(std::string(60, '*') + "b", std::string(128, 'a')));
}

}  // namespace
}  // namespace penstock
