#include "workers/blocks.hpp"

#include "support/seed.hpp"
#include "support/stage_trial.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <random>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class BlocksTest : public testing::Test {
protected:
    test::FakeContext context(Value size, std::string file = "a") const {
        test::FakeContext context(Document{{"file", std::move(file)}, {"size", std::move(size)}});
        context.directory = folder_.path();
        return context;
    }
    static std::string text_of(const Value& block) {
        const Bytes& bytes = block.bytes();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    static std::vector<std::string> texts_of(const List& blocks) {
        std::vector<std::string> texts;
        for (const Value& block : blocks) texts.push_back(text_of(block));
        return texts;
    }
    test::Folder folder_;
};

TEST_F(BlocksTest, OfOneSizeButTheLast) {
    folder_.write("a", "abcdefgh");
    auto of_three = context(3), of_four = context("4 B"), of_many = context("1 MiB");
    EXPECT_THAT(texts_of(test::made_by<Blocks>(of_three)), ElementsAre("abc", "def", "gh"));
    EXPECT_THAT(texts_of(test::made_by<Blocks>(of_four)), ElementsAre("abcd", "efgh"));
    EXPECT_THAT(texts_of(test::made_by<Blocks>(of_many)), ElementsAre("abcdefgh"));
    folder_.write("empty", "");
    auto of_nothing = context(3, "empty");
    EXPECT_THAT(test::made_by<Blocks>(of_nothing), IsEmpty());
    EXPECT_THAT(test::made_in_parts<Blocks>(of_nothing, 3), IsEmpty());
}

TEST_F(BlocksTest, PartsAreTheWholeAndGoOnBehindWhatTheyHaveMade) {
    PENSTOCK_TRACE_SEED();
    std::mt19937_64 random(test::seed());
    for (int round = 0; round < 200; ++round) {
        folder_.write("a", std::string(random() % 60, static_cast<char>('a' + random() % 26)) + "end");
        auto all = context(static_cast<std::int64_t>(1 + random() % 20));
        const List whole = test::made_by<Blocks>(all);
        for (std::uint32_t workers = 2; workers < 8; ++workers)
            ASSERT_EQ(test::made_in_parts<Blocks>(all, workers), whole) << workers;
        all.which_worker = 0;
        all.how_many_workers = 1;
        const std::uint64_t made = random() % (whole.size() + 2);
        test::Emitted rest;
        Blocks source;
        source.skip(made, all);
        source.generate(rest, all);
        const auto first = whole.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(made, whole.size()));
        ASSERT_EQ(rest.items, List(first, whole.end())) << made;
    }
}

TEST_F(BlocksTest, APipeIsReadToItsEndByOneWorker) {
    const auto pipe = (folder_.path() / "pipe").string();
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int both = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // so that nobody waits
    auto in_parts = context(3, "pipe");
    EXPECT_THAT([&] { test::made_by<Blocks>(in_parts, 0, 2); },
                ThrowsMessage<std::runtime_error>(HasSubstr("is no regular file, so it cannot be read in 2 parts; give "
                                                            "the stage one worker")));
    ::close(both);
    const auto written = std::async(std::launch::async, [&] { std::ofstream(pipe) << "abcd"; });
    auto alone = context(3, "pipe");
    EXPECT_THAT(texts_of(test::made_by<Blocks>(alone)), ElementsAre("abc", "d"));
}

TEST_F(BlocksTest, AFileThatChangesUnderSeveralWorkersIsAnError) {
    folder_.write("a", "abcdefgh");
    class Changes final : public Emit {
    public:
        explicit Changes(std::filesystem::path file, std::uintmax_t size) : file_(std::move(file)), size_(size) {}
        void operator()(Value) override { std::filesystem::resize_file(file_, size_); }

    private:
        std::filesystem::path file_;
        std::uintmax_t size_;
    };
    for (const std::uintmax_t size : {4, 9}) {
        folder_.write("a", "abcdefgh");
        auto second = context(2);
        second.which_worker = 1;
        second.how_many_workers = 2;
        Changes changes(folder_.path() / "a", size);
        EXPECT_THAT([&] { Blocks().generate(changes, second); },
                    ThrowsMessage<std::runtime_error>(
                        HasSubstr("a has become shorter or longer while several workers read it: read a file that "
                                  "stays, or by one worker")))
            << size;
    }
}

TEST_F(BlocksTest, EndsEarlyWhenItIsStopped) {
    folder_.write("a", "abcdefgh");
    auto stopped = context(2);
    stopped.looks_before_cancel = 2;
    EXPECT_THAT(texts_of(test::made_by<Blocks>(stopped)), ElementsAre("ab", "cd"));
}

TEST_F(BlocksTest, SaysWhatIsWrong) {
    EXPECT_THAT(Blocks::check({{"file", "a"}, {"size", "900 kB"}}), IsEmpty());
    EXPECT_THAT(Blocks::check({{"file", "{f}"}, {"size", "{s}"}}), IsEmpty());
    EXPECT_THAT(Blocks::check({}),
                ElementsAre("`blocks` needs the parameter `file`: the file to be read",
                            "`blocks` needs the parameter `size`: the length of a block, like \"1 MiB\""));
    for (const Value& size : {Value(0), Value(-1), Value("a lot"), Value("2 GiB"), Value(1.5)})
        EXPECT_THAT(Blocks::check({{"file", "a"}, {"size", size}}),
                    ElementsAre(HasSubstr("`size` of `blocks` must be a number of bytes")));
    auto none = context(3, "none");
    EXPECT_THAT([&] { test::made_by<Blocks>(none); },
                ThrowsMessage<std::runtime_error>(HasSubstr("none: No such file")));
    auto open = context("{size}");
    EXPECT_THROW(test::made_by<Blocks>(open), std::invalid_argument);
}

}  // namespace
}  // namespace penstock
