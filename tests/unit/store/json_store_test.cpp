#include "store/json_store.hpp"

#include "store/json_parts.hpp"
#include "store/json_streams.hpp"
#include "temporary_folder.hpp"
#include "value/value_json.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <set>

namespace penstock {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Scope scope_of(std::string pipeline, std::string job, std::string instance = "", std::string pipeline_instance = "") {
    return {std::move(pipeline), std::move(pipeline_instance), std::move(job), std::move(instance)};
}

// One value of every type, with the cases that text formats lose.
Document every_type() {
    return {{"null", nullptr},
            {"bool", true},
            {"int", std::numeric_limits<std::int64_t>::min()},
            {"float", 1.0},
            {"nan", std::numeric_limits<double>::quiet_NaN()},
            {"text", "line\nbreak, \"quotes\", caf\xc3\xa9"},
            {"bytes", Bytes{std::byte{0}, std::byte{255}, std::byte{'\n'}}},
            {"list", List{1, 2.5, Map{{"a", nullptr}}}},
            {"map", Map{{"@array", 1}}},
            {"array", Value(Array::of<float>({2, 2}, std::vector<float>{1, 2, 3, 4}))}};
}

std::vector<std::string> all_keys() {
    std::vector<std::string> keys;
    for (const auto& [key, value] : every_type()) keys.push_back(key);
    return keys;
}

Document file_of(const fs::path& path) { return from_json(content_of(path)).map(); }

List jobs_of(const fs::path& path) {
    const Document file = file_of(path);
    return at(file, "jobs").list();
}

std::vector<std::string> names_in(const fs::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename().string());
    return {names.begin(), names.end()};
}

TEST(JsonStore, GivesBackEveryTypeBeforeAndAfterFinish) {
    const TemporaryFolder folder;
    const auto store = make_json_store(folder / "out", 3);
    store->save(scope_of("p", "a"), "W", every_type());
    EXPECT_EQ(store->retrieve(scope_of("p", "a"), all_keys()), every_type());
    store->finish();
    EXPECT_EQ(store->retrieve(scope_of("p", "a"), all_keys()), every_type());
    EXPECT_EQ(make_json_store(folder / "out", 0)->retrieve(scope_of("p", "a"), {"int", "text"}).size(), 2u);
}

TEST(JsonStore, KeysAndJobsItDoesNotHaveAreAbsent) {
    const TemporaryFolder folder;
    const auto store = make_json_store(folder / "out", 0);
    store->save(scope_of("p", "a", "x=1"), "W", {{"k", 1}});
    EXPECT_EQ(store->retrieve(scope_of("p", "a", "x=1"), {"k", "other"}), (Document{{"k", 1}}));
    EXPECT_TRUE(store->retrieve(scope_of("p", "a", "x=2"), {"k"}).empty());
    EXPECT_TRUE(store->retrieve(scope_of("p", "b", "x=1"), {"k"}).empty());
    EXPECT_TRUE(store->retrieve(scope_of("q", "a", "x=1"), {"k"}).empty());
    EXPECT_TRUE(store->retrieve(scope_of("p", "a", "x=1", "i"), {"k"}).empty());
}

TEST(JsonStore, OneRankSeesWhatAnotherHasFlushed) {
    const TemporaryFolder folder;
    const auto one = make_json_store(folder / "out", 1);
    const auto two = make_json_store(folder / "out", 2);
    EXPECT_TRUE(two->retrieve(scope_of("p", "a"), {"k"}).empty());
    one->save(scope_of("p", "a"), "W", {{"k", 7}});
    one->flush();
    EXPECT_EQ(two->retrieve(scope_of("p", "a"), {"k"}), (Document{{"k", 7}}));
}

TEST(JsonStore, FinishMakesOneSortedFileAPipelineAndRemovesTheParts) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    for (const std::uint32_t rank : {2u, 1u}) {
        const auto store = make_json_store(directory, rank);
        store->save(scope_of("p", rank == 1 ? "b" : "a"), "W", {{"rank", rank}});
        store->save(scope_of("q", "j", "", "url=\"http://x/y\""), "W", {{"rank", rank}});
        store->flush();
    }
    make_json_store(directory, 0)->finish();
    EXPECT_THAT(names_in(directory), ElementsAre("p.json", "q[url=%22http%3A%2F%2Fx%2Fy%22].json"));

    const auto p = file_of(fs::path(directory) / "p.json");
    EXPECT_EQ(at(p, "pipeline").string(), "p");
    ASSERT_EQ(at(p, "jobs").list().size(), 2u);
    EXPECT_EQ(at(p, "jobs").list()[0],
              Value(Map{{"job", "a"}, {"instance", ""}, {"worker", "W"}, {"values", Map{{"rank", 2}}}}));
    EXPECT_EQ(at(at(p, "jobs").list()[1].map(), "job").string(), "b");
    const auto q = file_of(json_store_file(directory, "q", "url=\"http://x/y\""));
    EXPECT_EQ(at(q, "instance").string(), "url=\"http://x/y\"");
    EXPECT_EQ(at(q, "jobs").list().size(), 1u) << "one job that two ranks have run is stored once";
}

TEST(JsonStore, FinishAgainChangesNothing) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    const auto store = make_json_store(directory, 0);
    store->save(scope_of("p", "a"), "W", every_type());
    store->flush();
    const auto part = content_of(part_file(directory, 0));
    store->finish();
    const auto first = content_of(directory / "p.json");
    store->finish();
    EXPECT_EQ(content_of(directory / "p.json"), first);
    // A crash after the file was renamed and before the parts were removed.
    fs::create_directory(part_folder(directory));
    write_content(part_file(directory, 0), part);
    make_json_store(directory, 0)->finish();
    EXPECT_EQ(content_of(directory / "p.json"), first);
}

TEST(JsonStore, WhatComesAfterFinishJoinsWhatIsThere) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    const auto store = make_json_store(directory, 0);
    for (const char* job : {"a", "c"}) store->save(scope_of("p", job), "W", {{"v", 1}});
    store->finish();
    for (const char* job : {"b", "c", "d"}) store->save(scope_of("p", job), "W", {{"v", 2}});
    store->finish();
    std::vector<std::string> seen;
    for (const auto& job : jobs_of(directory / "p.json"))
        seen.push_back(at(job.map(), "job").string() + to_json(at(at(job.map(), "values").map(), "v")));
    EXPECT_THAT(seen, ElementsAre("a1", "b2", "c2", "d2"));
}

TEST(JsonStore, EveryCutOfAPartKeepsTheEntriesBeforeItAndTakesNewOnes) {
    const TemporaryFolder folder;
    const auto one = encode_part_entry(scope_of("p", "a"), "W", {{"v", "x\ny"}});
    const auto two = encode_part_entry(scope_of("p", "b"), "W", {{"v", 2}});
    for (std::size_t length = 0; length <= one.size() + two.size(); ++length) {
        const auto directory = folder / std::to_string(length);
        fs::create_directories(part_folder(directory));
        write_content(part_file(directory, 0), (one + two).substr(0, length));
        const auto store = make_json_store(directory, 0);
        store->save(scope_of("p", "c"), "W", {{"v", 3}});
        store->finish();
        const std::size_t whole = length < one.size() ? 0 : length < one.size() + two.size() ? 1 : 2;
        ASSERT_EQ(jobs_of(directory / "p.json").size(), whole + 1) << "cut at " << length;
    }
}

TEST(JsonStore, ValuesSpoiledWithinTheirLengthDoNotReachTheResults) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    fs::create_directories(part_folder(directory));
    auto text = encode_part_entry(scope_of("p", "a"), "W", {{"v", 1}}) +
                encode_part_entry(scope_of("p", "b"), "W", {{"v", "zeros"}});
    text.replace(text.size() - 6, 4, 4, '\0');
    write_content(part_file(directory, 1), text);
    make_json_store(directory, 0)->finish();
    EXPECT_EQ(jobs_of(directory / "p.json").size(), 1u);
}

TEST(JsonStore, NamesStayWithinTheDirectoryAndApart) {
    const fs::path directory = "out";
    EXPECT_EQ(json_store_file(directory, "word-count", ""), "out/word-count.json");
    EXPECT_EQ(json_store_file(directory, "..", ""), "out/%2E..json");
    EXPECT_EQ(json_store_file(directory, ".parts", ""), "out/%2Eparts.json");
    EXPECT_EQ(json_store_file(directory, "a/../../b", ""), "out/a%2F..%2F..%2Fb.json");
    EXPECT_EQ(json_store_file(directory, "p", "s=a b\n"), "out/p[s=a%20b%0A].json");
    EXPECT_NE(json_store_file(directory, "a%2F", ""), json_store_file(directory, "a/", ""));

    const std::string long_label(5000, 'x');
    const auto one = json_store_file(directory, "p", long_label + "1");
    EXPECT_LE(one.filename().string().size(), 210u);
    EXPECT_NE(one, json_store_file(directory, "p", long_label + "2"));
}

TEST(JsonStore, ItemsOfStreamsBecomeOneArrayAStage) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    const auto save = [&](std::uint32_t rank, const std::string& stage, const StreamChunk& chunk, const List& items) {
        const auto store = make_json_store(directory, rank);
        store->save(
            scope_of("p", stage, stream_chunk_name(chunk)), "W",
            {{"incarnation", chunk.incarnation}, {"attempt", chunk.attempt}, {"first", chunk.first}, {"items", items}});
        store->flush();
    };
    const auto items_of = [&](const std::string& stage) {
        const Document file = file_of(directory / "p.json");
        for (const Value& stream : at(file, "streams").list())
            if (at(stream.map(), "stage").string() == stage) return to_json(at(stream.map(), "items"));
        return std::string("none");
    };
    save(2, "top", {1, 2, 2}, {"x", "y"});
    save(1, "top", {1, 1, 0}, {"a", "b"});
    save(1, "top", {1, 1, 2}, {"c", "d", "e"});  // void
    save(3, "side", {1, 1, 0}, List(1, Value(List{1, nullptr})));
    save(1, "silent", {1, 1, 0}, {});
    const auto store = make_json_store(directory, 0);
    store->save(scope_of("p", "top@results"), "W", {});
    store->finish();
    EXPECT_EQ(items_of("top"), R"(["a","b","x","y"])");
    EXPECT_EQ(items_of("side"), "[[1,null]]");
    EXPECT_EQ(items_of("silent"), "[]");
    EXPECT_EQ(jobs_of(directory / "p.json").size(), 1u);
    store->finish();
    EXPECT_EQ(items_of("top"), R"(["a","b","x","y"])");

    save(1, "top", {1, 3, 3}, {"z"});  // the run goes on
    make_json_store(directory, 0)->finish();
    EXPECT_EQ(items_of("top"), R"(["a","b","x","z"])");
    EXPECT_EQ(items_of("side"), "[[1,null]]");
    save(1, "top", {2, 1, 0}, {true});  // another launch
    make_json_store(directory, 0)->finish();
    EXPECT_EQ(items_of("top"), "[true]");
}

TEST(JsonStore, NamesOfChunksAreNoNamesOfInstances) {
    const StreamChunk chunk{7, 123456, 1u << 20};
    const auto parsed = parse_stream_chunk_name(stream_chunk_name(chunk));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->incarnation, 7u);
    EXPECT_EQ(parsed->attempt, 123456u);
    EXPECT_EQ(parsed->first, 1u << 20);
    for (const char* other : {"", "@", "@1", "@1-2", "@1-2-", "@1-2-3 ", "@1-2-3-4", "seed=0", "@-1-2-3", "@x-1-2"})
        EXPECT_FALSE(parse_stream_chunk_name(other)) << other;
}

TEST(JsonStore, ResultsThatAreThereAreRefusedOrReplaced) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    prepare_json_store(directory, false);
    const auto store = make_json_store(directory, 0);
    store->save(scope_of("p", "a"), "W", {{"v", 1}});
    store->finish();
    store->save(scope_of("p", "b"), "W", {{"v", 1}});
    store->flush();
    write_content(directory / "mine.json", "{}");
    try {
        prepare_json_store(directory, false);
        FAIL() << "overwrote results";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("holds results already (2 files"), HasSubstr("--force")));
    }
    prepare_json_store(directory, true);
    EXPECT_TRUE(part_files(directory).empty());
    EXPECT_FALSE(fs::exists(directory / "p.json"));
    EXPECT_EQ(content_of(directory / "mine.json"), "{}");
}

TEST(JsonStore, AFileThatIsNotOursIsNotReplaced) {
    const TemporaryFolder folder;
    const auto directory = folder / "out";
    fs::create_directory(directory);
    write_content(directory / "p.json", "{\"mine\": 1}");
    const auto store = make_json_store(directory, 0);
    store->save(scope_of("p", "a"), "W", {{"v", 1}});
    EXPECT_THROW(store->finish(), StoreError);
    EXPECT_EQ(content_of(directory / "p.json"), "{\"mine\": 1}");
    EXPECT_EQ(part_files(directory).size(), 1u) << "what was flushed stays";
}

TEST(JsonStore, AMissingFolderIsSaid) {
    const TemporaryFolder folder;
    try {
        prepare_json_store((folder / "no/such").string(), false);
        FAIL();
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("mkdir -p"));
    }
}

}  // namespace
}  // namespace penstock
