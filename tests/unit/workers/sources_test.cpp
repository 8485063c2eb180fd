// lines, records, range and files.
#include "support/seed.hpp"
#include "support/stage_trial.hpp"
#include "workers/files.hpp"
#include "workers/lines.hpp"
#include "workers/range.hpp"
#include "workers/records.hpp"
#include "workers/text_lines.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <random>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class Sources : public testing::Test {
protected:
    test::FakeContext& context(Document with) {
        context_.emplace(std::move(with));
        context_->directory = folder_.path();
        return *context_;
    }
    test::Folder folder_;
    std::optional<test::FakeContext> context_;
};

TEST_F(Sources, LinesWithoutTheirEnds) {
    folder_.write("a.txt", "one\ntwo\r\n\n last");
    EXPECT_EQ(test::made_by<Lines>(context({{"file", "a.txt"}})), (List{"one", "two", "", " last"}));
    folder_.write("b.txt", "one\n");
    EXPECT_EQ(test::made_by<Lines>(context({{"file", (folder_.path() / "b.txt").string()}})), (List{"one"}));
    folder_.write("empty", "");
    EXPECT_EQ(test::made_by<Lines>(context({{"file", "empty"}})), List{});
    EXPECT_THAT(
        [&] {
            test::made_by<Lines>(context({{"file", "none"}}));
        },
        ThrowsMessage<std::runtime_error>(HasSubstr("none: No such file")));
    EXPECT_THROW(test::made_by<Lines>(context({{"file", "."}})), std::runtime_error);
}

template <class Source>
List made_behind(std::uint64_t items, test::FakeContext& context) {
    test::Emitted emitted;
    Source source;
    source.skip(items, context);
    source.generate(emitted, context);
    return emitted.items;
}

TEST_F(Sources, GoOnBehindWhatTheyHaveMade) {
    folder_.write("a.txt", "0\n1\n2\n3\n");
    folder_.write("a.jsonl", "0\n\n1\n2\n3\n");
    const Value lines = "a.txt", records = "a.jsonl";
    for (std::uint64_t n = 0; n <= 5; ++n) {
        List numbers, texts;
        for (std::uint64_t i = n; i < 4; ++i) {
            numbers.push_back(static_cast<std::int64_t>(i));
            texts.push_back(std::to_string(i));
        }
        EXPECT_EQ(made_behind<Lines>(n, context({{"file", lines}})), texts) << n;
        EXPECT_EQ(made_behind<Records>(n, context({{"file", records}})), numbers) << n;
        EXPECT_EQ(made_behind<RangeSource>(n, context({{"stop", 4}})), numbers) << n;
        EXPECT_EQ(made_behind<Files>(n, context({{"glob", "a.*"}})).size(), n < 2 ? 2 - n : 0) << n;
    }
    ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
    EXPECT_THAT(
        [&] {
            made_behind<Lines>(2, context({{"file", "pipe"}}));
        },
        ThrowsMessage<std::runtime_error>(
            HasSubstr("behind its first 2 items: it is no regular file, so they are "
                      "gone. For the stream to begin again remove X.h5.run/positions and go "
                      "on with --resume --retry-failed")));
}

TEST_F(Sources, PartsOfAFileAreItsLinesWhereverTheyAreCut) {
    PENSTOCK_TRACE_SEED();
    std::mt19937_64 random(test::seed());
    for (int round = 0; round < 300; ++round) {
        std::string text;
        const std::uint64_t lines = random() % 8;
        for (std::uint64_t i = 0; i < lines; ++i) text += std::string(random() % 5, 'x') + "\n";
        if (random() % 2 == 0) text += "end";
        folder_.write("a", text);
        test::FakeContext& all = context({{"file", "a"}});
        const List whole = test::made_by<Lines>(all);
        for (std::uint32_t workers = 2; workers < 12; ++workers)
            ASSERT_EQ(test::made_in_parts<Lines>(all, workers), whole) << testing::PrintToString(text) << workers;
    }
}

TEST_F(Sources, PartsOfALargeFileAreAboutEqual) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
    folder_.write("a", text);
    std::vector<std::size_t> sizes;
    const List lines = test::made_in_parts<Lines>(context({{"file", "a"}}), 4, &sizes);
    ASSERT_EQ(lines.size(), 100'000u);
    for (std::size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(lines[i], Value("line " + std::to_string(i)));
    for (const std::size_t size : sizes) EXPECT_NEAR(static_cast<double>(size), 25'000, 1'000);
}

TEST_F(Sources, LongLinesAreReadWhole) {
    const std::string line(3'000'000, 'x');
    folder_.write("a", "short\n" + line + "\nshort");
    EXPECT_EQ(test::made_in_parts<Lines>(context({{"file", "a"}}), 3), (List{"short", line, "short"}));
}

TEST_F(Sources, APipeHasOnePart) {
    ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
    const int both = ::open((folder_.path() / "pipe").c_str(), O_RDWR | O_CLOEXEC);  // so that nobody waits
    EXPECT_THAT(
        [&] {
            test::made_by<Lines>(context({{"file", "pipe"}}), 0, 2);
        },
        ThrowsMessage<std::runtime_error>(HasSubstr("is no regular file, so it cannot be read in 2 parts")));
    ::close(both);
}

TEST_F(Sources, AStoppedSourceEndsEarly) {
    folder_.write("a", "1\n2\n3\n");
    test::FakeContext& stopped = context({{"file", "a"}});
    stopped.looks_before_cancel = 2;
    EXPECT_EQ(test::made_by<Lines>(stopped), (List{"1", "2"}));
    test::FakeContext& range = context({{"stop", 1'000'000}});
    range.looks_before_cancel = 2;
    EXPECT_LT(test::made_by<RangeSource>(range).size(), 10'000u);
}

TEST_F(Sources, RecordsAreTheValuesOfLines) {
    folder_.write("a.jsonl", "{\"x\": 1}\r\n\n[2.5, null]\n  \n\"text\"");
    const List records{Map{{"x", 1}}, List{2.5, nullptr}, "text"};
    EXPECT_EQ(test::made_by<Records>(context({{"file", "a.jsonl"}})), records);
    EXPECT_EQ(test::made_in_parts<Records>(context({{"file", "a.jsonl"}}), 3), records);
    folder_.write("bad.jsonl", "1\n{x\n");
    EXPECT_THAT(
        [&] {
            test::made_by<Records>(context({{"file", "bad.jsonl"}}));
        },
        ThrowsMessage<std::runtime_error>(HasSubstr("bad.jsonl: the line that begins at byte 2 is no JSON")));
}

TEST_F(Sources, RangesInBothDirections) {
    EXPECT_EQ(test::made_by<RangeSource>(context({{"stop", 3}})), (List{0, 1, 2}));
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", -3}, {"stop", 8}, {"step", 5}})), (List{-3, 2, 7}));
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", 3}, {"stop", -1}, {"step", -2}})), (List{3, 1}));
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", 3}, {"stop", 3}})), List{});
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", 4}, {"stop", 3}})), List{});
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", INT64_MIN}, {"stop", INT64_MAX}, {"step", INT64_MAX}})),
              (List{INT64_MIN, -1, INT64_MAX - 1}));
    EXPECT_EQ(test::made_by<RangeSource>(context({{"start", INT64_MAX}, {"stop", INT64_MIN}, {"step", INT64_MIN}})),
              (List{INT64_MAX, -1}));
}

TEST_F(Sources, PartsOfARangeFollowOneAnother) {
    for (const std::int64_t count : {0, 1, 5, 100})
        for (std::uint32_t workers = 1; workers < 8; ++workers) {
            List expected;
            for (std::int64_t i = 0; i < count; ++i) expected.push_back(10 + 3 * i);
            std::vector<std::size_t> sizes;
            test::FakeContext& range = context({{"start", 10}, {"stop", 10 + 3 * count}, {"step", 3}});
            ASSERT_EQ(test::made_in_parts<RangeSource>(range, workers, &sizes), expected);
            const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
            ASSERT_LE(*most - *least, 1u);
        }
}

TEST_F(Sources, FilesInTheOrderOfTheirNames) {
    const auto path = [&](const char* name) { return Value((folder_.path() / name).string()); };
    std::filesystem::create_directories(folder_.path() / "[odd]" / "sub.txt");
    for (const char* name : {"[odd]/b.txt", "[odd]/B.txt", "[odd]/a.txt", "[odd]/c.dat", "o"}) folder_.write(name, "");
    test::FakeContext& files = context({{"glob", "*.txt"}});
    files.directory = folder_.path() / "[odd]";
    const List expected{path("[odd]/B.txt"), path("[odd]/a.txt"), path("[odd]/b.txt")};
    EXPECT_EQ(test::made_by<Files>(files), expected);
    EXPECT_EQ(test::made_in_parts<Files>(files, 2), expected);
    EXPECT_EQ(test::made_in_parts<Files>(files, 5), expected);
    EXPECT_EQ(test::made_by<Files>(context({{"glob", (folder_.path() / "?").string()}})), (List{path("o")}));
    EXPECT_THAT(
        [&] {
            test::made_by<Files>(context({{"glob", "*.none"}}));
        },
        ThrowsMessage<std::runtime_error>(HasSubstr("*.none; if that may be, say `may-be-empty: true`")));
    EXPECT_EQ(test::made_by<Files>(context({{"glob", "*.none"}, {"may-be-empty", true}})), List{});
}

TEST(SourceParameters, SayWhatIsWrong) {
    EXPECT_THAT(Lines::check({{"file", "a"}}), IsEmpty());
    EXPECT_THAT(Lines::check({{"file", "{name}"}}), IsEmpty());
    EXPECT_THAT(Lines::check({}), ElementsAre("`lines` needs the parameter `file`: the text file to be read"));
    EXPECT_THAT(Lines::check({{"file", ""}, {"flie", 1}}),
                ElementsAre("`lines` has no parameter `flie`; it has file",
                            "`file` is \"\"; it must be the text file to be read"));
    EXPECT_THAT(Records::check({{"file", 7}}), ElementsAre(HasSubstr("`file` is 7")));
    EXPECT_THAT(RangeSource::check({{"stop", 5}, {"step", "{s}"}}), IsEmpty());
    EXPECT_THAT(RangeSource::check({{"start", 0.5}, {"step", 0}}),
                ElementsAre("`start` is 0.5; it must be an integer",
                            "`range` needs the parameter `stop`: the integer at which it ends",
                            "`step` is 0; such a range never ends"));
    EXPECT_THAT(Files::check({{"glob", "*.txt"}, {"may-be-empty", 1}}),
                ElementsAre("`may-be-empty` is 1; it must be true or false"));
    test::FakeContext wrong(Document{{"stop", "ten"}});
    EXPECT_THROW(test::made_by<RangeSource>(wrong), std::invalid_argument) << "a placeholder that was no integer";
}

}  // namespace
}  // namespace penstock
