#include "workers/noop.hpp"
#include "support/fake_context.hpp"
#include "workers/builtin.hpp"

#include <gmock/gmock.h>

#include <set>

namespace penstock {
namespace {

using testing::IsSupersetOf;

TEST(Noop, NeedsNothingAndMakesNothing) {
    test::FakeContext context;
    EXPECT_TRUE(Noop().process({{"anything", 1}}, context).empty());
    const WorkerType type = worker_type<Noop>();
    EXPECT_EQ(type.name, "noop");
    EXPECT_TRUE(type.needs({}).empty());
    EXPECT_TRUE(type.makes({}).empty());
    EXPECT_TRUE(type.check({{"anything", 1}}).empty());
}

TEST(BuiltinWorkerTypes, EachNameOnceAndEachCanBeMade) {
    std::set<std::string> names;
    for (const WorkerType& type : builtin_worker_types()) {
        EXPECT_TRUE(names.insert(type.name).second) << type.name;
        if (type.create && !type.external) {
            EXPECT_NE(type.create(), nullptr) << type.name;
        }
        EXPECT_EQ(type.form != StageForm::none, static_cast<bool>(type.create_stage)) << type.name;
        if (type.create_stage) {
            EXPECT_NE(type.create_stage(), nullptr) << type.name;
        }
        EXPECT_TRUE(type.create || type.create_stage) << type.name;
    }
    EXPECT_THAT(names,
                IsSupersetOf({"noop",    "sleep",   "constant", "fail",   "crash",    "Sum",     "Mean",    "Minimum",
                              "Maximum", "Median",  "Count",    "Concat", "count",    "lines",   "records", "range",
                              "files",   "flatten", "filter",   "batch",  "to-lines", "to-files"}));
}

}  // namespace
}  // namespace penstock
