// `command` as a stage: what its programs are told, what is made of their answers, and what becomes of bad ones.
#include "workers/command_stage.hpp"

#include "support/stage_trial.hpp"
#include "value/value_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <cerrno>

namespace penstock {
namespace {

using test::Emitted;
using test::FakeContext;
using test::Folder;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string text(const List& values) { return to_json(Value(values)); }

class CommandStage : public ::testing::Test {
protected:
    void begin(Document with, bool takes_items = true) {
        worker_.reset();  // it refers to the context
        context_ = std::make_unique<FakeContext>(std::move(with));
        context_->directory = folder_.path();
        form_ = command_stage_form(context_->parameters(), takes_items);
        worker_ = make_command_stage(form_);
        worker_->start(*context_);
    }
    List of(const Value& item) {
        Emitted made;
        switch (form_) {
            case StageForm::map:
                if (auto one = static_cast<MapWorker&>(*worker_).on_item(item, *context_)) made(std::move(*one));
                break;
            case StageForm::generator:
                static_cast<GeneratorWorker&>(*worker_).on_item(item, made, *context_);
                break;
            case StageForm::fold:
                static_cast<RunningFoldWorker&>(*worker_).on_item(item, made, *context_);
                break;
            default:
                static_cast<SourceWorker&>(*worker_).generate(made, *context_);
        }
        return made.items;
    }
    List finish() {
        Emitted made;
        static_cast<RunningFoldWorker&>(*worker_).finish(made, *context_);
        return made.items;
    }
    // What it throws.
    std::string wrong(const Value& item) {
        try {
            of(item);
        } catch (const std::exception& error) {
            return error.what();
        }
        return "";
    }
    void end() { worker_.reset(); }
    static std::string problems(Document with, bool takes_items = true) {
        std::string all;
        for (const std::string& one : check_command_stage(with, takes_items)) all += one + "\n";
        return all;
    }
    // The process has ended, and nobody has to wait for it.
    static bool is_gone(const Value& pid) {
        return ::kill(static_cast<pid_t>(std::stol(pid.string())), 0) != 0 && errno == ESRCH;
    }

    Folder folder_;
    std::unique_ptr<FakeContext> context_;
    StageForm form_ = StageForm::none;
    std::unique_ptr<StageWorker> worker_;
};

Document lines(std::string shell, std::string form = "map", std::string frames = "lines") {
    return {{"shell", std::move(shell)}, {"form", std::move(form)}, {"frames", std::move(frames)}};
}

TEST_F(CommandStage, OneProgramAnswersLinesWithLines) {
    begin(lines("while read -r x; do echo \"$$ <$x>\"; done"));
    const std::string first = of("a b").front().string(), second = of("").front().string();
    EXPECT_THAT(first, HasSubstr("<a b>"));
    EXPECT_THAT(second, HasSubstr("<>"));
    EXPECT_EQ(first.substr(0, first.find(' ')), second.substr(0, second.find(' '))) << "it is the same program";
    EXPECT_THAT(of(42).front().string(), HasSubstr("<42>"));
    EXPECT_THAT(of(List{1, "x"}).front().string(), HasSubstr("<[1,\"x\"]>"));
}

TEST_F(CommandStage, JsonGoesBothWays) {
    begin({{"argv", List{"python3", "-uc",
                         "import sys, json\n"
                         "for line in sys.stdin: print(json.dumps({{'was': json.loads(line), 'n': 1.5}}))"}},
           {"frames", "json"}});
    EXPECT_EQ(text(of(Map{{"a", List{1, Value(), "x\ny"}}})),
              text(List{Map{{"was", Map{{"a", List{1, Value(), "x\ny"}}}}, {"n", 1.5}}}));
}

TEST_F(CommandStage, FramesOfBytesHaveALength) {
    begin({{"argv", List{"python3", "-c",
                         "import sys, struct\n"
                         "i, o = sys.stdin.buffer, sys.stdout.buffer\n"
                         "while h := i.read(4):\n"
                         "    b = i.read(struct.unpack('<I', h)[0])\n"
                         "    o.write(struct.pack('<I', 2 * len(b)) + b + b); o.flush()"}},
           {"frames", "length"}});
    const Bytes data(300'000, std::byte{7});
    EXPECT_EQ(of(Value(data)).front().bytes().size(), 600'000u);
    EXPECT_EQ(of("").front().bytes().size(), 0u);
    EXPECT_EQ(of("ab").front().bytes().size(), 4u);
}

TEST_F(CommandStage, AGeneratorEndsItsAnswersWithAnEmptyLine) {
    begin(lines("while read -r n; do seq \"$n\"; echo; done", "generator"));
    EXPECT_EQ(text(of(3)), text(List{"1", "2", "3"}));
    EXPECT_EQ(text(of(0)), text(List{}));
    EXPECT_EQ(text(of(1)), text(List{"1"}));
}

TEST_F(CommandStage, AWholeStreamCommandIsNotPairedWithItems) {
    begin(lines("sort -n", "fold"));
    EXPECT_EQ(of(10).size() + of(9).size(), 0u);
    of(1);
    EXPECT_EQ(text(finish()), text(List{"1", "9", "10"}));
}

TEST_F(CommandStage, AWholeStreamCommandWritesOnTheWayToo) {
    begin(lines("cat; printf 'no end'", "fold"));
    const std::string line(50'000, 'x');
    List all;
    for (int i = 0; i < 40; ++i)
        for (Value& v : of(line)) all.push_back(std::move(v));
    EXPECT_GT(all.size(), 10u) << "neither side waits for the other with full pipes";
    for (Value& v : finish()) all.push_back(std::move(v));
    EXPECT_EQ(all.size(), 41u);
    EXPECT_EQ(all.back().string(), "no end");
}

TEST_F(CommandStage, AWholeStreamCommandThatFailsSaysHow) {
    begin(lines("cat > /dev/null; echo broken >&2; exit 3", "fold"));
    of(1);
    try {
        finish();
        FAIL() << "it should have thrown";
    } catch (const std::exception& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("exit code 3"), HasSubstr("broken")));
    }
}

TEST_F(CommandStage, ASourceIsWhatAProgramWrites) {
    begin({{"shell", "seq 4; printf five"}, {"frames", "lines"}}, false);
    EXPECT_EQ(text(of(Value())), text(List{"1", "2", "3", "4", "five"}));
}

TEST_F(CommandStage, ASourceThatFailsIsNoEnd) {
    begin({{"shell", "echo 1; exit 4"}, {"frames", "lines"}}, false);
    EXPECT_THAT(wrong(Value()), HasSubstr("exit code 4"));
}

TEST_F(CommandStage, EachItemMayHaveItsProgram) {
    begin({{"argv", List{"echo", "-n", "{item}", "{scale}"}}, {"scale", 3}});
    EXPECT_EQ(text(of("a b")), text(List{"a b 3"}));
    EXPECT_EQ(text(of(Map{{"item", 5}})), text(List{"5 3"}));
    EXPECT_THAT(wrong(Map{{"other", 5}}), HasSubstr("item"));
}

TEST_F(CommandStage, AProgramForEachItemHasAllThatJobsHave) {
    begin({{"shell", "cat > copy; wc -c < copy; echo $((1 + {n}))"},
           {"stdin", "text"},
           {"cwd", "scratch"},
           {"outputs", Map{{"copy", Map{{"file", "copy"}, {"as", "text"}}}, {"said", Map{{"text", "stdout"}}}}}});
    EXPECT_EQ(text(of(Map{{"text", "hello"}, {"n", 4}})), text(List{Map{{"copy", "hello"}, {"said", "5\n5\n"}}}));
}

TEST_F(CommandStage, ItemsAreNeverCode) {
    begin({{"shell", "echo {item}"}});
    EXPECT_EQ(text(of("$(touch x); `y` 'z'")), text(List{"$(touch x); `y` 'z'"}));
    EXPECT_THAT(folder_.names(), IsEmpty());
}

TEST_F(CommandStage, AProgramThatDiesFailsTheItemAndAnotherOneGoesOn) {
    begin(lines("while read -r x; do [ $x != 2 ] || {{ echo cannot >&2; exit 9; }}; echo $x; done"));
    EXPECT_EQ(text(of(1)), text(List{"1"}));
    EXPECT_THAT(wrong(2), AllOf(HasSubstr("exit code 9"), HasSubstr("cannot")));
    EXPECT_EQ(text(of(3)), text(List{"3"}));
}

TEST_F(CommandStage, AProgramThatEndsBetweenItemsCostsNone) {
    begin(lines("read -r x; echo $x"));
    for (int i = 0; i < 4; ++i) {
        SCOPED_TRACE(i);
        // It ends when it has answered; whether that is seen before the next item is written is up to the kernel.
        const std::string error = wrong(i);
        EXPECT_THAT(error, ::testing::AnyOf("", HasSubstr("had not answered")));
    }
    EXPECT_EQ(wrong("text\nof two lines").find("line break") != std::string::npos, true);
}

TEST_F(CommandStage, GarbageFailsTheItem) {
    begin(lines("while read -r x; do [ $x = 1 ] && printf '[\"a\n' || echo \"$x\"; done", "map", "json"));
    EXPECT_THAT(wrong(1), HasSubstr("no JSON"));
    EXPECT_EQ(text(of(2)), text(List{2}));
    begin(lines("while read -r x; do printf '\\377\\n'; done"));
    EXPECT_THAT(wrong(1), HasSubstr("no UTF-8"));
    begin(lines("printf '\\377\\377\\377\\177xxxxxxxx'; cat > /dev/null", "map", "length"));
    EXPECT_THAT(wrong(1), HasSubstr("a length of"));
}

TEST_F(CommandStage, MoreThanOneAnswerIsNoticed) {
    begin({{"argv", List{"python3", "-c", "import sys\nfor line in sys.stdin:\n    print('a\\nb', flush=True)"}},
           {"frames", "lines"}});
    EXPECT_THAT(wrong(1), HasSubstr("more than one answer"));
}

TEST_F(CommandStage, ALineWithoutEndIsNotKeptForEver) {
    begin(lines("read -r x; cat /dev/zero"));
    EXPECT_THAT(wrong(1), HasSubstr("bytes"));
}

TEST_F(CommandStage, StderrIsLogged) {
    begin(lines("while read -r x; do echo \"got $x\" >&2; echo; done"));
    of(1);
    end();
    EXPECT_THAT(context_->logged, Contains("got 1"));
}

TEST_F(CommandStage, NothingIsLeftOfIt) {
    begin(lines("sleep 1000 & echo $! >&2; sleep 1000 | sleep 1000 & trap '' TERM; read -r x; echo $$; sleep 1000"));
    const Value pid = of(1).front();
    EXPECT_FALSE(is_gone(pid));
    end();
    EXPECT_TRUE(is_gone(pid));
    ASSERT_THAT(context_->logged, ::testing::Not(IsEmpty()));
    EXPECT_TRUE(is_gone(Value(context_->logged.front()))) << "what it started in the background";
}

TEST_F(CommandStage, BadParametersAreTold) {
    EXPECT_EQ(problems(lines("cat")), "");
    EXPECT_THAT(problems({{"argv", List{"cat"}}, {"frames", "words"}}), HasSubstr("`lines`, `json` or `length`"));
    EXPECT_THAT(problems(lines("cat", "tree")), HasSubstr("`form` must be"));
    EXPECT_THAT(problems({{"argv", List{"cat"}}, {"form", "fold"}}), HasSubstr("`form` needs `frames`"));
    EXPECT_THAT(problems({{"argv", List{"cat"}}}, false), HasSubstr("`frames` is missing"));
    EXPECT_THAT(problems({{"argv", List{"cat"}}, {"frames", "lines"}, {"stdin", "x"}}), HasSubstr("`stdin`"));
    EXPECT_THAT(problems({{"frames", "lines"}}), HasSubstr("nothing to run"));
}

}  // namespace
}  // namespace penstock
