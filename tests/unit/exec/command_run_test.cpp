// What a command gets: arguments, values, directories, environment, standard input.
#include "command_harness.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

namespace penstock::command_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Prints each argument between brackets.
const char* const kShowArguments = "import sys; print(''.join('[' + a + ']' for a in sys.argv[1:]), end='')";
Value show(std::initializer_list<Value> words) {
    List all = {"python3", "-c", kShowArguments};
    all.insert(all.end(), words);
    return all;
}

const std::vector<std::string> kHostile = {"",
                                           "two words",
                                           "  spaces  ",
                                           "it's",
                                           "say \"hi\"",
                                           "$(touch pwned)",
                                           "`touch pwned`",
                                           "; touch pwned",
                                           "a\nb",
                                           "--help",
                                           "-n",
                                           "*",
                                           "~",
                                           "$HOME",
                                           "back\\slash",
                                           "\\",
                                           "!!",
                                           "a'b\"c$d`e",
                                           "'; touch pwned; '",
                                           "\"; touch pwned; \"",
                                           "{x}",
                                           "{{",
                                           "\xC3\xBC\xE2\x82\xAC"};

TEST(CommandArguments, PassWithoutAShell) {
    CommandHarness harness;
    for (const std::string& hostile : kHostile) {
        EXPECT_EQ(harness.output_of({{"argv", show({"{x}", "a{x}b"})}}, {{"x", hostile}}),
                  "[" + hostile + "][a" + hostile + "b]");
    }
    EXPECT_EQ(entries(harness.launch_directory()), 0u);
}

TEST(CommandArguments, ListsBecomeSeveralWhenTheyAreAWholeElement) {
    CommandHarness harness;
    const Document values = {{"l", List{"a b", 1, 2.5, true}}, {"empty", List{}}};
    EXPECT_EQ(harness.output_of({{"argv", show({"<", "{l}", "{empty}", ">"})}}, values), "[<][a b][1][2.5][true][>]");
    EXPECT_EQ(harness.output_of({{"argv", show({"l={l}"})}}, values), "[l=[\"a b\",1,2.5,true]]");
}

TEST(CommandArguments, NumbersAreShortest) {
    CommandHarness harness;
    const Document values = {{"a", 0.1}, {"b", 1e300}, {"c", 1.0}, {"d", std::int64_t{-7}}, {"e", 1.0 / 3}};
    EXPECT_EQ(harness.output_of({{"argv", show({"{a}", "{b}", "{c}", "{d}", "{e}", 0.1, 3, true})}}, values),
              "[0.1][1e+300][1][-7][0.3333333333333333][0.1][3][true]");
}

TEST(CommandArguments, DoubledBracesAreBraces) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"argv", show({"{{x}}", "{{{x}}}"})}}, {{"x", 5}}), "[{x}][{5}]");
}

TEST(CommandArguments, AListCanHoldTheProgram) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"argv", List{"{command}"}}}, {{"command", List{"echo", "-n", "x"}}}), "x");
}

TEST(CommandArguments, WhatCannotBeAnArgumentIsRefused) {
    CommandHarness harness;
    const std::string nul("a\0b", 3);
    EXPECT_THAT(harness.failure({{"argv", argv({"echo", "{x}"})}}, {{"x", nul}}).error, HasSubstr("NUL"));
    EXPECT_THAT(harness.failure({{"argv", argv({"echo", "{x}"})}}, {{"x", Bytes(3)}}).error, HasSubstr("`stdin`"));
    const std::string huge(200'000, 'x');
    EXPECT_THAT(harness.failure({{"argv", argv({"echo", "{x}"})}}, {{"x", huge}}).error, HasSubstr("too long"));
}

TEST(CommandShell, ValuesAreNeverCode) {
    CommandHarness harness;
    const std::string script =
        std::string("python3 -c \"") + kShowArguments + "\" {x} a{x}b \"<{x}>\" '<{x}>' $'<{x}>' \"$(printf %s. {x})\"";
    for (const std::string& hostile : kHostile) {
        const std::string quoted = "[<" + hostile + ">]";
        // $(...) takes line breaks off the end; the dot keeps them.
        EXPECT_EQ(harness.output_of({{"shell", script}}, {{"x", hostile}}),
                  "[" + hostile + "][a" + hostile + "b]" + quoted + quoted + quoted + "[" + hostile + ".]");
    }
    EXPECT_EQ(entries(harness.launch_directory()), 0u);
}

TEST(CommandShell, MisreadQuotesStillRunNothing) {
    CommandHarness harness;
    // Places that the scanner cannot know.
    for (const char* script : {"eval_free=${{y:-\"{x}\"}}; true # {x}", "true \\{x}",
                               "case a in a) true {x};; esac; x=$(case a in a) echo {x};; esac)",
                               "f() {{ echo {x}; }}; f 1 2", "echo {x} | cat | tee /dev/null"}) {
        for (const std::string& hostile : kHostile) harness.run({{"shell", script}}, {{"x", hostile}});
    }
    EXPECT_EQ(entries(harness.launch_directory()), 0u);
}

TEST(CommandShell, FunctionsAndHereDocumentsSeeValues) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"shell", "f() {{ echo \"$1 {x}\"; }}\nf one"}}, {{"x", "two"}}), "one two\n");
    EXPECT_EQ(harness.output_of({{"shell", "cat <<EOF\nseed={x}\n\"{x}\" $((1+{n}))\nEOF\necho {x}"}},
                                {{"x", "it's $(echo no)"}, {"n", 41}}),
              "seed=it's $(echo no)\n\"it's $(echo no)\" 42\nit's $(echo no)\n");
    EXPECT_EQ(harness.output_of({{"shell", "cat <<-EOF | tr a b\n\ta{x}\n\tEOF\necho {x}"}}, {{"x", "a"}}), "bb\na\n");
}

TEST(CommandShell, ListsAreSeveralWords) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"shell", "for f in {l}; do echo \"<$f>\"; done; echo \"{l}\""}},
                                {{"l", List{"a b", "", 3}}}),
              "<a b>\n<>\n<3>\na b  3\n");
    EXPECT_EQ(harness.output_of({{"shell", "for f in {l}; do echo no; done; echo $#"}}, {{"l", List{}}}), "0\n");
}

TEST(CommandShell, StopsAtTheFirstFailure) {
    CommandHarness harness;
    EXPECT_EQ(harness.failure({{"shell", "false; echo no"}}).reason, EndReason::exit_code);
    EXPECT_EQ(harness.failure({{"shell", "false | cat"}}).exit_code, 1);
    EXPECT_THAT(harness.failure({{"shell", "echo $undefined"}}).error, HasSubstr("unbound variable"));
    EXPECT_EQ(harness.output_of({{"shell", "-n 2>/dev/null || echo survived"}}), "survived\n");
}

TEST(CommandShell, ArithmeticTakesNumbersOnly) {
    CommandHarness harness;
    const Document with = {{"shell", "echo $(( {x} * 2 ))"}};
    EXPECT_EQ(harness.output_of(with, {{"x", 21}}), "42\n");
    EXPECT_EQ(harness.output_of(with, {{"x", "21"}}), "42\n");
    EXPECT_THAT(harness.failure(with, {{"x", "a[$(touch pwned)]"}}).error, HasSubstr("no number"));
    EXPECT_EQ(entries(harness.launch_directory()), 0u);
}

TEST(CommandDirectory, IsTheLaunchDirectory) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"argv", argv({"pwd"})}}), harness.launch_directory().string() + "\n");
    EXPECT_FALSE(fs::exists(harness.scratch_root()));
}

TEST(CommandDirectory, ProgramsWithASlashAreBesideTheDefinition) {
    CommandHarness harness;
    write_text(harness.definition_directory() / "here.sh", "#!/bin/sh\necho \"$0 $PWD $1\"\n", true);
    EXPECT_EQ(harness.output_of({{"argv", argv({"./here.sh", "./data"})}}),
              (harness.definition_directory() / "here.sh").string() + " " + harness.launch_directory().string() +
                  " ./data\n");
}

TEST(CommandDirectory, NamesOfDirectories) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"argv", show({"{definition-dir}", "{launch-dir}"})}}),
              "[" + harness.definition_directory().string() + "][" + harness.launch_directory().string() + "]");
    const std::string scratch = harness.output_of(
        {{"argv", argv({"sh", "-c", "test -d \"$1\" && pwd && printf %s \"$1\"", "-", "{scratch}"})}});
    EXPECT_THAT(scratch, HasSubstr(harness.launch_directory().string() + "\n" + harness.scratch_root().string()));
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandDirectory, CwdIsRelativeToTheDefinition) {
    CommandHarness harness;
    fs::create_directory(harness.definition_directory() / "data");
    EXPECT_EQ(harness.output_of({{"argv", argv({"pwd"})}, {"cwd", "data"}}),
              (harness.definition_directory() / "data").string() + "\n");
    EXPECT_EQ(harness.output_of({{"argv", argv({"pwd"})}, {"cwd", "{where}"}}, {{"where", "/usr"}}), "/usr\n");
    EXPECT_EQ(harness.output_of({{"argv", argv({"pwd"})}, {"cwd", "{launch-dir}"}}),
              harness.launch_directory().string() + "\n");
    const OutcomeDetails details = harness.failure({{"argv", argv({"pwd"})}, {"cwd", "nowhere"}});
    EXPECT_THAT(details.error, HasSubstr((harness.definition_directory() / "nowhere").string() + ": No such file"));
    EXPECT_EQ(details.reason, EndReason::exception);
}

TEST(CommandDirectory, ScratchIsFreshAndGoneAfterwards) {
    CommandHarness harness;
    const Document with = {{"argv", argv({"sh", "-c", "ls | wc -l; touch used; pwd"})}, {"cwd", "scratch"}};
    const std::string first = harness.output_of(with);
    EXPECT_THAT(first, HasSubstr("0\n" + harness.scratch_root().string() + "/"));
    EXPECT_THAT(harness.output_of(with), HasSubstr("0\n"));
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandDirectory, ScratchIsKeptAndNamedOnFailure) {
    CommandHarness harness;
    const OutcomeDetails details =
        harness.failure({{"argv", argv({"sh", "-c", "echo left > file; exit 3"})}, {"cwd", "scratch"}});
    ASSERT_EQ(entries(harness.scratch_root()), 1u);
    const fs::path kept = fs::directory_iterator(harness.scratch_root())->path();
    EXPECT_THAT(details.error, HasSubstr("Its directory is kept: " + kept.string()));
    EXPECT_EQ(read_text(kept / "file"), "left\n");
    // The next attempt of the same number does not find it.
    harness.run({{"argv", argv({"sh", "-c", "test ! -e file || exit 4; exit 3"})}, {"cwd", "scratch"}});
    EXPECT_EQ(entries(harness.scratch_root()), 2u);
}

TEST(CommandInput, IsEmptyByDefault) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"argv", argv({"cat"})}}), "");
}

TEST(CommandInput, WritesAnyValue) {
    CommandHarness harness;
    const Document with = {{"argv", argv({"cat"})}, {"stdin", "x"}};
    EXPECT_EQ(harness.output_of(with, {{"x", "as it is \"\n"}}), "as it is \"\n");
    EXPECT_EQ(harness.output_of(with, {{"x", 0.1}}), "0.1");
    EXPECT_EQ(harness.output_of(with, {{"x", Map{{"b", List{1, Null{}}}, {"a", "s"}}}}),
              "{\"a\":\"s\",\"b\":[1,null]}");
    EXPECT_EQ(harness.output_of(with, {{"x", ""}}), "");
}

TEST(CommandInput, BytesPassUnchanged) {
    CommandHarness harness;
    Bytes all(300'000);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 7 + i / 256);
    const Document made = harness.outputs(
        {{"shell", "cat > copy"}, {"stdin", "x"}, {"outputs", Map{{"y", Map{{"file", "copy"}, {"as", "bytes"}}}}}},
        {{"x", all}});
    EXPECT_EQ(made.at("y"), Value(all));
}

TEST(CommandInput, AProgramNeedNotReadIt) {
    CommandHarness harness;
    const std::string much(10'000'000, 'x');
    EXPECT_TRUE(harness.run({{"argv", argv({"true"})}, {"stdin", "x"}}, {{"x", much}}).succeeded);
    EXPECT_EQ(harness.output_of({{"argv", argv({"head", "-c", "3"})}, {"stdin", "x"}}, {{"x", much}}), "xxx");
    // One that closes it and ends only when the runner, having seen that, has closed the other end of the pipe.
    const char* script =
        "pipe=$(readlink /proc/self/fd/0); exec 0<&-; "
        "while [[ $(ls -l /proc/$PPID/fd 2>&1) == *\"$pipe\"* ]]; do :; done; echo done";
    EXPECT_EQ(harness.output_of({{"shell", script}, {"stdin", "x"}}, {{"x", much}}), "done\n");
}

TEST(CommandInput, FilesAreWritten) {
    CommandHarness harness;
    const Document with = {{"shell", "cat a.txt sub/dir/b.json; pwd"},
                           {"input-files", Map{{"a.txt", "text"}, {"sub/dir/b.json", "list"}}}};
    EXPECT_THAT(harness.output_of(with, {{"text", "hello\n"}, {"list", List{1, 2.5, "x"}}}),
                HasSubstr("hello\n[1,2.5,\"x\"]" + harness.scratch_root().string()));
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandInput, FilesStayWithinTheDirectory) {
    CommandHarness harness;
    for (const char* name : {"../out", "/tmp/out", "a/../../out", ".", "a//b", ""}) {
        EXPECT_THAT(harness.failure({{"argv", argv({"true"})}, {"input-files", Map{{name, "x"}}}}, {{"x", "x"}}).error,
                    HasSubstr("stays within"));
    }
    EXPECT_FALSE(fs::exists(harness.scratch_root()));
}

TEST(CommandInput, ArraysAreNumPyFiles) {
    if (::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no numpy";
    CommandHarness harness;
    const Array array = Array::of<std::int32_t>({2, 3}, std::vector<std::int32_t>{1, 2, 3, 4, 5, 60000});
    const char* script =
        "import numpy; a = numpy.load('in.npy'); print(a.dtype, a.shape, a.tolist()); "
        "numpy.save('out.npy', numpy.asfortranarray(a.astype('>f4') * 2))";
    const Document made = harness.outputs(
        {{"argv", argv({"/usr/bin/python3", "-c", script})},
         {"input-files", Map{{"in.npy", "a"}}},
         {"outputs", Map{{"said", Map{{"text", "stdout"}}}, {"twice", Map{{"file", "out.npy"}, {"as", "npy"}}}}}},
        {{"a", array}});
    EXPECT_EQ(made.at("said"), Value("int32 (2, 3) [[1, 2, 3], [4, 5, 60000]]\n"));
    EXPECT_EQ(made.at("twice"), Value(Array::of<float>({2, 3}, std::vector<float>{2, 4, 6, 8, 10, 120000})));
}

TEST(CommandEnvironment, HasWhatWasAsked) {
    CommandHarness harness;
    ::setenv("PENSTOCK_TEST_INHERITED", "yes", 1);
    ::setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    CommandHarness fresh;  // takes its environment when it is made
    ::unsetenv("OMPI_COMM_WORLD_RANK");
    const Document with = {{"argv", argv({"env"})}, {"env", Map{{"FIXED", 5}, {"OPEN", "<{x}>"}}}};
    const std::string text = "\n" + fresh.output_of(with, {{"x", "a b"}});
    EXPECT_THAT(text, HasSubstr("\nFIXED=5\n"));
    EXPECT_THAT(text, HasSubstr("\nOPEN=<a b>\n"));
    EXPECT_THAT(text, HasSubstr("\nPENSTOCK_TEST_INHERITED=yes\n"));
    EXPECT_THAT(text, HasSubstr("\nOMP_NUM_THREADS=1\n"));
    EXPECT_THAT(text, Not(HasSubstr("OMPI_COMM_WORLD_RANK")));
}

TEST(CommandEnvironment, ThreadsFollowTheCpus) {
    CommandHarness harness;
    const Document outputs = {{"n", Map{{"json", ""}}}};
    auto threads = [&](const Document& with) {
        const Outcome outcome =
            harness.wait(harness.start(harness.job(with, {}, {.cpus = 6, .memory_bytes = 0, .named = {}})));
        return outcome.outputs->at("n");
    };
    const Value print = argv({"printenv", "OMP_NUM_THREADS"});
    EXPECT_EQ(threads({{"argv", print}, {"outputs", outputs}}), Value(6));
    EXPECT_EQ(threads({{"argv", print}, {"outputs", outputs}, {"env", Map{{"OMP_NUM_THREADS", 2}}}}), Value(2));
}

TEST(CommandEnvironment, PathOfTheJobFindsItsProgram) {
    CommandHarness harness;
    write_text(harness.definition_directory() / "only-here", "#!/bin/sh\necho found\n", true);
    EXPECT_EQ(harness.output_of({{"argv", argv({"only-here"})}, {"env", Map{{"PATH", "/bin:{definition-dir}"}}}}),
              "found\n");
}

}  // namespace
}  // namespace penstock::command_test
