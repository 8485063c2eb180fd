// Every file of tests/language_examples: good ones against their plan, bad ones against the whole text of what is said
// about them. PENSTOCK_UPDATE_GOLDEN=1 writes what is expected anew; then read it.
#include "support.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::test {
namespace {

std::vector<std::filesystem::path> definitions_in(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(examples() / folder))
        if (entry.path().extension() == ".yaml" || entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::string parameter_name(const testing::TestParamInfo<std::filesystem::path>& info) {
    std::string name = info.param.parent_path().filename().string() + "_" + info.param.filename().string();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
    return name;
}

// Diagnostics name the file as it was given: its mere name here, wherever the tests stand.
Loaded load_example(const std::filesystem::path& file) {
    return load_text(read_text(file), file.filename().string(), file.parent_path(), worker_types(), {});
}

class GoodExample : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GoodExample, HasItsPlan) {
    const Loaded loaded = load_example(GetParam());
    EXPECT_TRUE(loaded.ok());
    EXPECT_GE(loaded.plans.size(), 1u);
    std::string text = render(loaded.diagnostics);
    for (const auto& plan : loaded.plans) text += plan_text(*plan, GetParam().parent_path());
    expect_golden(GetParam().string() + ".plan", text);
}

TEST_P(GoodExample, EachPartOfItReadsBackAsTheSamePlan) {
    for (const auto& plan : load_example(GetParam()).plans) {
        const Loaded again = load_text(plan->definition_text, "again", plan->definition_directory, worker_types(), {});
        EXPECT_TRUE(again.ok()) << render(again.diagnostics);
        ASSERT_EQ(again.plans.size(), 1u);
        EXPECT_EQ(plan_text(*again.plans[0]), plan_text(*plan));
        for (std::size_t i = 0; i < plan->templates.size(); ++i)
            EXPECT_EQ(again.plans[0]->templates[i].hash, plan->templates[i].hash);
    }
}

INSTANTIATE_TEST_SUITE_P(Files, GoodExample, testing::ValuesIn(definitions_in("good")), parameter_name);

class BadExample : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadExample, IsRefusedInTheseWords) {
    const Loaded loaded = load_example(GetParam());
    EXPECT_FALSE(loaded.ok());
    EXPECT_TRUE(std::is_sorted(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                               [](const Diagnostic& a, const Diagnostic& b) {
                                   return a.file == b.file && std::pair(a.line, a.column) < std::pair(b.line, b.column);
                               }));
    expect_golden(GetParam().string() + ".expected", render(loaded.diagnostics));
}

INSTANTIATE_TEST_SUITE_P(Form, BadExample, testing::ValuesIn(definitions_in("bad")), parameter_name);
INSTANTIATE_TEST_SUITE_P(Meaning, BadExample, testing::ValuesIn(definitions_in("bad_beyond_schema")), parameter_name);

}  // namespace
}  // namespace penstock::test
