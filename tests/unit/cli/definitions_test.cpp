#include "cli/definitions.hpp"

#include "workers/builtin.hpp"

#include <gmock/gmock.h>

#include <sstream>
#include <stdexcept>
#include <streambuf>

namespace penstock {
namespace {

using testing::HasSubstr;

Definitions from_standard_input(std::istream& in) {
    std::ostringstream out, err;
    Streams streams{in, out, err};
    DefinitionSource source;
    source.files = {"-"};
    return load_definitions(source, builtin_worker_types(), false, streams);
}

TEST(Definitions, OfStandardInput) {
    std::istringstream in("{penstock: 1, name: p, jobs: {n: {worker: noop}}}");
    const Definitions definitions = from_standard_input(in);
    EXPECT_TRUE(definitions.ok) << definitions.problems;
    ASSERT_EQ(definitions.plans.size(), 1u);
    EXPECT_EQ(definitions.plans.front()->name, "p");
}

// As a folder does: `penstock run - < FOLDER`.
TEST(Definitions, StandardInputThatCannotBeReadIsSaid) {
    struct Broken final : std::streambuf {
        int_type underflow() override { throw std::runtime_error("Is a directory"); }
    } broken;
    std::istream in(&broken);
    const Definitions definitions = from_standard_input(in);
    EXPECT_FALSE(definitions.ok);
    EXPECT_THAT(definitions.problems, HasSubstr("<standard input>: error: cannot be read to its end"));
}

}  // namespace
}  // namespace penstock
