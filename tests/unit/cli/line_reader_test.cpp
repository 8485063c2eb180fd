#include "cli/line_reader.hpp"

#include "support/temporary_path.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace penstock {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const std::string& text) {
    const fs::path path = test::temporary_path("file");
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

const auto never = [] { return false; };

std::vector<std::pair<std::size_t, std::string>> read_all(LineReader& reader) {
    std::vector<std::pair<std::size_t, std::string>> all;
    for (auto lines = reader.next(never); !lines.empty(); lines = reader.next(never)) {
        EXPECT_LE(lines.size(), LineReader::kMostLines);
        for (auto& line : lines) all.emplace_back(line.number, line.text);
    }
    return all;
}

using Lines = std::vector<std::pair<std::size_t, std::string>>;

TEST(LineReader, LinesAreNumberedAndALastOneNeedsNoEnd) {
    LineReader reader(file_of("a\n\nb\r\nlast"));
    EXPECT_EQ(read_all(reader), (Lines{{1, "a"}, {2, ""}, {3, "b"}, {4, "last"}}));
    EXPECT_TRUE(reader.next(never).empty());
}

TEST(LineReader, AnEmptyFileHasNoLines) {
    LineReader reader(file_of(""));
    EXPECT_TRUE(read_all(reader).empty());
    LineReader one(file_of("\n"));
    EXPECT_EQ(read_all(one), (Lines{{1, ""}}));
}

TEST(LineReader, ManyLinesAndLongOnes) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += std::string(static_cast<std::size_t>(i) % 997 * 20, 'x') + "\n";
    LineReader reader(file_of(text));
    const auto all = read_all(reader);
    ASSERT_EQ(all.size(), 5000u);
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i].second.size(), i % 997 * 20) << i;
}

TEST(LineReader, ALineBeyondTheBoundIsToldAndTheNextOneIsWhole) {
    std::string text(LineReader::kMaxLine_bytes + 100'000, 'x');
    text += "\nnext\n";
    LineReader reader(file_of(text));
    std::vector<LineReader::Line> all;
    for (auto lines = reader.next(never); !lines.empty(); lines = reader.next(never)) {
        all.insert(all.end(), lines.begin(), lines.end());
    }
    ASSERT_EQ(all.size(), 2u);
    EXPECT_TRUE(all[0].too_long);
    EXPECT_EQ(all[0].text, "");
    EXPECT_FALSE(all[1].too_long);
    EXPECT_EQ(all[1].text, "next");
    EXPECT_EQ(all[1].number, 2u);
}

TEST(LineReader, AFifoIsReadAsItIsWritten) {
    const fs::path fifo = test::temporary_path("fifo");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    LineReader reader(fifo);  // does not wait for the writer
    std::atomic<int> asked = 0;
    std::thread writer([&] {
        while (asked == 0) std::this_thread::yield();  // the reader waits already
        std::ofstream out(fifo);
        for (const char* text : {"one\n", "two\n", "three"}) {
            out << text << std::flush;
        }
    });
    Lines all;
    const auto stop = [&] { return ++asked < 0; };
    for (auto lines = reader.next(stop); !lines.empty(); lines = reader.next(stop)) {
        for (auto& line : lines) all.emplace_back(line.number, line.text);
    }
    writer.join();
    EXPECT_EQ(all, (Lines{{1, "one"}, {2, "two"}, {3, "three"}}));
}

TEST(LineReader, WaitingEndsWhenItIsTold) {
    const fs::path fifo = test::temporary_path("silent");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    LineReader reader(fifo);
    int asked = 0;
    EXPECT_TRUE(reader.next([&] { return ++asked == 2; }).empty());
    EXPECT_EQ(asked, 2);
}

TEST(LineReader, AFileThatCannotBeReadIsToldWithItsReason) {
    try {
        LineReader reader("/nowhere/lines.txt");
        FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(),
                     "cannot read --for-each /nowhere/lines.txt: No such file or directory; name a file with "
                     "one line for each pipeline, or - for standard input");
    }
    EXPECT_THROW(LineReader reader("/"), std::runtime_error);
}

}  // namespace
}  // namespace penstock
