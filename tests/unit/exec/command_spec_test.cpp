// Mistakes in the parameters of `command`, each told once and with a way out.
#include "exec/command_spec.hpp"
#include "exec/command_shell.hpp"
#include "value/shell_quote.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> problems(const Document& with) {
    std::vector<std::string> told;
    // As a stand-in for the real one: the candidate with the same first letter.
    parse_command(with, told, [](const std::string& word, const std::vector<std::string>& candidates) {
        std::vector<std::string> near;
        for (const std::string& candidate : candidates) {
            if (!word.empty() && candidate.front() == word.front()) near.push_back(candidate);
        }
        return near;
    });
    return told;
}

// Of a command that is right but for one output.
std::vector<std::string> output_problems(const Value& output) {
    return problems({{"argv", List{"true"}}, {"outputs", Map{{"key", output}}}});
}

TEST(CommandSpec, AcceptsEveryForm) {
    EXPECT_THAT(
        problems({{"argv", List{"./a", "--seed", "{seed}", 5, 0.5, true}},
                  {"cwd", "{definition-dir}/x"},
                  {"env", Map{{"A", 1}, {"B", "{seed}"}}},
                  {"stdin", "text"},
                  {"input-files", Map{{"a/b.npy", "array"}}},
                  {"outputs",
                   Map{{"a", Map{{"text", "stdout"}}},
                       {"b", Map{{"text", "stderr"}}},
                       {"c", Map{{"json", ""}}},
                       {"d", Map{{"file", "f"}, {"as", "text"}}},
                       {"e", Map{{"file", "f"}, {"as", "json"}, {"pointer", "/a/0"}}},
                       {"f", Map{{"file", "f"}, {"as", "bytes"}}},
                       {"g", Map{{"file", "f"}, {"as", "npy"}}},
                       {"h", Map{{"file", "f"}, {"as", "array"}, {"dtype", "float32"}, {"shape", List{"{n}", -1}}}},
                       {"i", Map{{"file", "f"}, {"as", "path"}, {"to", "out/{seed}.dat"}}},
                       {"j", Map{{"file", "/f"}, {"as", "path"}}}}}}),
        IsEmpty());
    EXPECT_THAT(problems({{"shell", "echo {x} > {scratch}/f"}, {"x", 5}}), IsEmpty());
}

TEST(CommandSpec, WhatToRun) {
    EXPECT_THAT(problems({}), ElementsAre(HasSubstr("nothing to run")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"shell", "a"}}), ElementsAre(HasSubstr("exclude one another")));
    EXPECT_THAT(problems({{"argv", List{}}}), ElementsAre(HasSubstr("`argv` is empty")));
    EXPECT_THAT(problems({{"argv", "ls -l"}}),
                ElementsAre(HasSubstr("must be a list such as [./program, --seed, \"{seed}\"], not string")));
    EXPECT_THAT(problems({{"argv", List{""}}}), ElementsAre(HasSubstr("is empty")));
    EXPECT_THAT(problems({{"argv", List{"a", List{1}}}}), ElementsAre(HasSubstr("element 2 of `argv` is a list")));
    EXPECT_THAT(problems({{"argv", List{"a", Null{}}}}), ElementsAre(HasSubstr("element 2 of `argv` is a null")));
    EXPECT_THAT(problems({{"argv", List{std::string("a\0b", 3)}}}), ElementsAre(HasSubstr("NUL")));
    EXPECT_THAT(problems({{"shell", List{"a"}}}), ElementsAre(HasSubstr("text of a bash script, not list")));
    EXPECT_THAT(problems({{"shell", " \n"}}), ElementsAre(HasSubstr("`shell` is empty")));
}

TEST(CommandSpec, UnknownParameters) {
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"output", 1}}),
                ElementsAre(HasSubstr("unknown parameter `output` of worker `command`, and no placeholder {output} "
                                      "uses it as a value: did you mean `outputs`?")));
    EXPECT_THAT(problems({{"argv", List{"a", "{mine}"}}, {"mine", 1}}), IsEmpty());
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"stdin", "mine"}, {"mine", 1}}), IsEmpty());
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"frames", "lines"}}), ElementsAre(HasSubstr("stage of a stream")));
}

TEST(CommandSpec, Placeholders) {
    EXPECT_THAT(problems({{"argv", List{"a", "{", "}"}}}), ::testing::SizeIs(2));
    EXPECT_THAT(problems({{"argv", List{"a", "{a b}"}}}), ElementsAre(HasSubstr("{a b}")));
}

TEST(CommandSpec, DirectoryEnvironmentAndInput) {
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"cwd", 5}}), ElementsAre(HasSubstr("`cwd` must be")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"env", List{}}}), ElementsAre(HasSubstr("`env` must be a map")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"env", Map{{"A=B", "x"}, {"C", List{}}}}}),
                ElementsAre(HasSubstr("`A=B`"), HasSubstr("`env: C` is a list")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"stdin", "{x}"}}), ElementsAre(HasSubstr("without braces: `x`")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"stdin", 5}}), ElementsAre(HasSubstr("name of a key")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"input-files", List{"a"}}}),
                ElementsAre(HasSubstr("map from file names")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"input-files", Map{{"../x", "a"}, {"y", "b c"}}}}),
                ElementsAre(HasSubstr("`../x`"), HasSubstr("`input-files: y`")));
}

TEST(CommandSpec, OutputsThatAreWrong) {
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"outputs", List{}}}),
                ElementsAre(HasSubstr("`outputs` must be a map")));
    EXPECT_THAT(problems({{"argv", List{"a"}}, {"outputs", Map{{"a.b", Map{{"json", ""}}}}}}),
                ElementsAre(HasSubstr("the key `a.b`")));
    EXPECT_THAT(output_problems("stdout"), ElementsAre(HasSubstr("must be one of")));
    EXPECT_THAT(output_problems(Map{}), ElementsAre(HasSubstr("exactly one of `text`, `json` and `file`, and has 0")));
    EXPECT_THAT(output_problems(Map{{"text", "stdout"}, {"json", ""}}), ElementsAre(HasSubstr("and has 2")));
    EXPECT_THAT(output_problems(Map{{"tex", "stdout"}}),
                ElementsAre(HasSubstr("unknown member `tex`: did you mean `text`?"), HasSubstr("has 0")));
    EXPECT_THAT(output_problems(Map{{"text", "out"}}), ElementsAre(HasSubstr("`text: out`")));
    EXPECT_THAT(output_problems(Map{{"json", "energy"}}), ElementsAre(HasSubstr("does not begin with `/`")));
    EXPECT_THAT(output_problems(Map{{"json", "/a~2"}}), ElementsAre(HasSubstr("`~` must be followed by 0 or 1")));
    EXPECT_THAT(output_problems(Map{{"json", 5}}), ElementsAre(HasSubstr("JSON pointer")));
    EXPECT_THAT(output_problems(Map{{"text", "stdout"}, {"as", "json"}}),
                ElementsAre(HasSubstr("`as` without `file`")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}}), ElementsAre(HasSubstr("add `as:`")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "jsn"}}),
                ElementsAre(HasSubstr("unknown `as: jsn`: did you mean `json`?")));
    EXPECT_THAT(output_problems(Map{{"file", ""}, {"as", "text"}}), ElementsAre(HasSubstr("no path")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "text"}, {"pointer", "/a"}}),
                ElementsAre(HasSubstr("`as: json` only")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "array"}}), ElementsAre(HasSubstr("needs `dtype`")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "array"}, {"dtype", "integer"}}),
                ElementsAre(HasSubstr("unknown `dtype: integer`: did you mean `int8`?")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "npy"}, {"dtype", "int8"}}),
                ElementsAre(HasSubstr("`as: array` only")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "array"}, {"dtype", "int8"}, {"shape", 5}}),
                ElementsAre(HasSubstr("must be a list")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "array"}, {"dtype", "int8"}, {"shape", List{-2, "n"}}}),
                ElementsAre(HasSubstr("extent `-2`"), HasSubstr("extent `n`")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "array"}, {"dtype", "int8"}, {"shape", List{-1, -1}}}),
                ElementsAre(HasSubstr("more than one -1")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "text"}, {"to", "x"}}),
                ElementsAre(HasSubstr("`as: path` only")));
    EXPECT_THAT(output_problems(Map{{"file", "f"}, {"as", "path"}}), ElementsAre(HasSubstr("add `to: DEST`")));
    EXPECT_THAT(output_problems(Map{{"file", "{scratch}/f"}, {"as", "path"}}),
                ElementsAre(HasSubstr("add `to: DEST`")));
}

TEST(CommandSpec, AllMistakesAtOnce) {
    EXPECT_THAT(problems({{"argv", List{}}, {"cwd", 1}, {"nonsense", 1}, {"outputs", Map{{"a", 1}, {"b", 2}}}}),
                ::testing::SizeIs(5));
}

TEST(CommandSpec, NeedsAndMakes) {
    const Document with = {
        {"argv", List{"a", "{seed}-{beta}", "{seed}", "{scratch}", "{{no}}"}},
        {"env", Map{{"X", "{x}"}}},
        {"stdin", "text"},
        {"input-files", Map{{"f", "array"}, {"g", "text"}}},
        {"outputs", Map{{"a", Map{{"file", "{name}.txt"}, {"as", "text"}}}, {"b", Map{{"json", ""}}}}}};
    EXPECT_THAT(command_needs(with), ::testing::UnorderedElementsAre("seed", "beta", "x", "name", "text", "array"));
    EXPECT_THAT(command_makes(with), ElementsAre("a", "b"));
    EXPECT_THAT(command_needs({{"argv", 5}, {"outputs", "no"}}), IsEmpty());
}

// ---------------------------------------------------------------------------------------------- shell text

std::string compiled(const std::string& text, std::vector<std::string>& told) {
    std::vector<std::string> ignored;
    std::string made = compile_shell({placeholder_pieces(text, ignored)}, told).text;
    const std::size_t end = made.find("set --; ");  // of the prologue
    return end == std::string::npos ? made : made.substr(end + 8);
}
std::string compiled(const std::string& text) {
    std::vector<std::string> told;
    std::string made = compiled(text, told);
    EXPECT_THAT(told, IsEmpty());
    return made;
}

TEST(CommandShellText, FollowsTheQuotes) {
    EXPECT_EQ(compiled("echo plain"), "echo plain");
    EXPECT_EQ(compiled("a {x} b"), "a \"${_penstock_0[@]}\" b");
    EXPECT_EQ(compiled("\"a {x}\" {y}"), "\"a ${_penstock_0[*]}\" \"${_penstock_1[@]}\"");
    EXPECT_EQ(compiled("'{x}'"), "''\"${_penstock_0[*]}\"''");
    EXPECT_EQ(compiled("$'\\'{x}'"), "$'\\''\"${_penstock_0[*]}\"$''");
    EXPECT_EQ(compiled("# it's {x}\n{x}"), "# it's x\n\"${_penstock_0[@]}\"");
    EXPECT_EQ(compiled("a#'{x}'"), "a#''\"${_penstock_0[*]}\"''");
    EXPECT_EQ(compiled("\\' {x}"), "\\' \"${_penstock_0[@]}\"");
    EXPECT_EQ(compiled("\"\\\"{x}\" {x}"), "\"\\\"${_penstock_0[*]}\" \"${_penstock_0[@]}\"");
}

TEST(CommandShellText, FollowsNesting) {
    EXPECT_EQ(compiled("\"$(f \"{x}\" {x}) {x}\""),
              "\"$(f \"${_penstock_0[*]}\" \"${_penstock_0[@]}\") ${_penstock_0[*]}\"");
    EXPECT_EQ(compiled("\"`f {x}` {x}\""), "\"`f \"${_penstock_0[@]}\"` ${_penstock_0[*]}\"");
    EXPECT_EQ(compiled("(a; (b {x})); '{x}'"), "(a; (b \"${_penstock_0[@]}\")); ''\"${_penstock_0[*]}\"''");
    EXPECT_EQ(compiled("$((1 << ({x}))) {x}"), "$((1 << (${_penstock_0[*]}))) \"${_penstock_0[@]}\"");
}

TEST(CommandShellText, FollowsHereDocuments) {
    EXPECT_EQ(
        compiled("cat <<A; cat <<-'B' <<<{x}\n'{x}\nA\nit's\n\tB\n'{x}'"),
        "cat <<A; cat <<-'B' <<<\"${_penstock_0[@]}\"\n'${_penstock_0[*]}\nA\nit's\n\tB\n''\"${_penstock_0[*]}\"''");
    std::vector<std::string> told;
    compiled("cat <<'A'\n{x}\nA\n", told);
    EXPECT_THAT(told, ElementsAre(HasSubstr("placeholder {x} in a here-document with a quoted delimiter")));
}

TEST(CommandShellText, ManyUnbalancedTextsEnd) {
    for (const char* text : {"'", "\"", "$(", "$((", "`", "<<", "<<A", "<<A\n", ")))", "))", "\\", "$'", "<<'", "#"})
        compiled(std::string(text) + "{x}" + text);
}

TEST(CommandShellText, QuotesForPeople) {
    EXPECT_EQ(shell_quoted("plain-1.2/x"), "plain-1.2/x");
    EXPECT_EQ(shell_quoted(""), "''");
    EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace penstock
