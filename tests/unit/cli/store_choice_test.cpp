#include "cli/store_choice.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace penstock {
namespace {

class Memory : public Store {
public:
    explicit Memory(std::string s) : spec(std::move(s)) {}
    Document retrieve(const Scope&, const std::vector<std::string>&) override { return {{"spec", spec}}; }
    void save(const Scope&, std::string_view, const Document&) override {}
    void flush() override {}
    std::string spec;
};

const std::vector<NamedStore> kStores = {
    {"memory", [](const std::string& spec) { return std::make_unique<Memory>(spec); }}};

TEST(StoreChoice, TheResultsFileUnlessAnotherIsNamed) {
    EXPECT_EQ(choose_store("", "", kStores).text, "");
    EXPECT_EQ(choose_store("hdf5", "", kStores).text, "");
    EXPECT_EQ(choose_store("hdf5", "memory:x", kStores).text, "") << "the command line wins over the program";
    EXPECT_EQ(choose_store("", "memory:x", kStores).text, "memory:x");
}

TEST(StoreChoice, JsonHasADirectory) {
    const StoreChoice choice = choose_store("json:out/values", "", {});
    EXPECT_EQ(choice.json_directory, "out/values");
    EXPECT_FALSE(choice.of_program);
    EXPECT_THROW(choose_store("json", "", {}), std::invalid_argument);
    EXPECT_THROW(choose_store("json:", "", {}), std::invalid_argument);
}

TEST(StoreChoice, OneOfTheProgramGetsItsSpec) {
    const StoreChoice choice = choose_store("memory:a:b", "", kStores);
    EXPECT_TRUE(choice.of_program);
    EXPECT_EQ(choice.json_directory, "");
    const auto store = store_maker(kStores, 3)(choice.text);
    EXPECT_EQ(store->retrieve({}, {}).at("spec").string(), "a:b");
}

TEST(StoreChoice, OneOfTheProgramMayTakeABuiltInName) {
    const std::vector<NamedStore> stores = {{"hdf5", kStores[0].make}, {"json", kStores[0].make}};
    EXPECT_TRUE(choose_store("hdf5:x", "", stores).of_program);
    EXPECT_TRUE(choose_store("json:x", "", stores).of_program);
}

TEST(StoreChoice, AnUnknownOneIsAnsweredWithTheKnown) {
    try {
        choose_store("sqlite:x", "", kStores);
        FAIL() << "no exception";
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "--store: there is no store `sqlite`; there are `hdf5`, `json:DIR` and `memory`");
    }
}

}  // namespace
}  // namespace penstock
