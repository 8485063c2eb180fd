// The examples of docs/pipeline_format.md: every YAML block is loaded; one that begins with "# refused" has the text
// block after it for its diagnostics.
#include "support.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace penstock::test {
namespace {

struct Block {
    std::string language;
    std::string text;
    int line = 0;
};

std::vector<Block> code_blocks(const std::filesystem::path& file) {
    std::vector<Block> blocks;
    std::istringstream in(read_text(file));
    std::string line;
    bool within = false;
    for (int number = 1; std::getline(in, line); ++number) {
        if (line.starts_with("```")) {
            within = !within;
            if (within) blocks.push_back({line.substr(3), "", number + 1});
        } else if (within) {
            blocks.back().text += line + "\n";
        }
    }
    return blocks;
}

TEST(Documentation, ExamplesAreAsTheTextSays) {
    const std::vector<Block> blocks = code_blocks(std::filesystem::path(PENSTOCK_DOCS) / "pipeline_format.md");
    std::size_t good = 0, refused = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (blocks[i].language != "yaml") continue;
        SCOPED_TRACE("pipeline_format.md:" + std::to_string(blocks[i].line));
        std::string text = blocks[i].text;
        const bool bad = text.starts_with("# refused\n");
        if (bad) text = text.substr(text.find('\n') + 1);
        const Loaded loaded = text.starts_with("penstock:")
                                  ? load_text(text, "p.yaml", "/definitions", worker_types(), {})
                                  : load_body(text);
        if (bad) {
            ASSERT_LT(i + 1, blocks.size());
            EXPECT_EQ(render(loaded.diagnostics), blocks[i + 1].text);
            ++refused;
        } else {
            EXPECT_EQ(render(loaded.diagnostics), "");
            EXPECT_EQ(loaded.plans.size(), 1u);
            ++good;
        }
    }
    EXPECT_GE(good, 6u);
    EXPECT_GE(refused, 1u);
}

// Every limit is in the text with its value.
TEST(Documentation, NamesEveryLimit) {
    const std::string text = read_text(std::filesystem::path(PENSTOCK_DOCS) / "pipeline_format.md");
    const LanguageLimits limits;
    const auto with_commas = [](std::uint64_t number) {
        std::string digits = std::to_string(number);
        for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
        return "| " + digits + " ";
    };
    EXPECT_EQ(limits.file_bytes, 1ull << 30);
    EXPECT_NE(text.find("| 2^30 |"), std::string::npos);
    for (std::uint64_t limit :
         {limits.jobs_per_plan, limits.edges_per_plan, limits.links_per_plan, limits.nodes, limits.alias_nodes,
          std::uint64_t{limits.nesting}, limits.wildcard_matches, limits.ancestor_steps, limits.stage_workers,
          std::uint64_t{kMaxStages}, std::uint64_t{kDefaultQueue}, std::uint64_t{limits.diagnostics}})
        EXPECT_NE(text.find(with_commas(limit)), std::string::npos) << limit;
}

}  // namespace
}  // namespace penstock::test
