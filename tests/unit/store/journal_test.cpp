#include "store/journal.hpp"

#include "temporary_folder.hpp"
#include "value/hash.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <limits>

namespace penstock {
namespace {

using ::testing::HasSubstr;

IncarnationEntry start_entry() {
    IncarnationEntry entry;
    entry.incarnation = 3;
    entry.first = 2;
    entry.command_line = {"penstock", "run", "a \"quoted\" name.yaml", "line\nbreak"};
    entry.version = "0.1.0";
    entry.host = "node17";
    entry.pid = 4711;
    entry.time_ns = 1'700'000'000'123'456'789;
    return entry;
}

PlanEntry plan_entry() {
    Plan plan;
    plan.name = "sweep";
    plan.definition_directory = "/home/somebody/sweeps";
    plan.definition_text = "penstock: 1\nname: sweep\njobs: {a: {worker: noop}}   # caf\xc3\xa9\n";
    plan.data = {{"int", 1},
                 {"float", 1.0},
                 {"text", "x"},
                 {"nan", std::numeric_limits<double>::quiet_NaN()},
                 {"list", List{1, 2.5, nullptr, true}}};
    plan.files = {{"urls.txt", 0xfedcba9876543210}, {"rows.jsonl", 1}};
    return journal_entry(PlanId(7), plan);
}

SubmissionsEntry submissions_entry() {
    PipelineInfo first{PipelineId(1), PlanId(7), "", {}};
    PipelineInfo second{PipelineId(2), PlanId(7), "url=\"http://x/\"", {{"url", "http://x/"}}};
    return journal_entry({first, second});
}

std::vector<JournalEntry> all_entries() { return {start_entry(), plan_entry(), submissions_entry()}; }

// A journal of the three entries, and where each of its lines ends.
struct Written {
    std::string text;
    std::vector<std::size_t> ends;
};
Written write_all(const std::filesystem::path& path) {
    Written written;
    auto journal = Journal::create(path, start_entry());
    written.ends.push_back(content_of(path).size());
    journal.append(plan_entry());
    written.ends.push_back(content_of(path).size());
    journal.append(submissions_entry());
    written.ends.push_back(content_of(path).size());
    written.text = content_of(path);
    return written;
}

TEST(Journal, ReadsBackEveryEntryAsItWas) {
    const TemporaryFolder folder;
    write_all(folder / "journal");
    const auto contents = read_journal(folder / "journal");
    EXPECT_EQ(contents.entries, all_entries());
    EXPECT_EQ(contents.torn_bytes, 0u);
}

TEST(Journal, PinsFilesAndTheDefinitionByHash) {
    const auto entry = plan_entry();
    EXPECT_EQ(entry.plan, 7u);
    ASSERT_EQ(entry.files.size(), 2u);
    EXPECT_EQ(entry.files[0].hash, 0xfedcba9876543210u);
    Plan changed;
    changed.definition_text = entry.definition + "#";
    EXPECT_NE(journal_entry(PlanId(7), changed).definition_hash, entry.definition_hash);
}

TEST(Journal, EveryCutIsRecognisedAndLeavesTheEntriesBeforeIt) {
    const TemporaryFolder folder;
    const auto written = write_all(folder / "journal");
    const auto cut = folder / "cut";
    for (std::size_t length = written.ends[0]; length <= written.text.size(); ++length) {
        write_content(cut, written.text.substr(0, length));
        const auto contents = read_journal(cut);
        const std::size_t whole = length < written.ends[1] ? 1 : length < written.ends[2] ? 2 : 3;
        ASSERT_EQ(contents.entries.size(), whole) << "cut at " << length;
        ASSERT_EQ(contents.sound_bytes, written.ends[whole - 1]) << "cut at " << length;
        ASSERT_EQ(contents.torn_bytes, length - written.ends[whole - 1]) << "cut at " << length;
    }
}

TEST(Journal, ResumeCutsTheTornEndAndGoesOn) {
    const TemporaryFolder folder;
    const auto path = folder / "journal";
    const auto written = write_all(path);
    write_content(path, written.text.substr(0, written.ends[2] - 5));
    Journal::resume(path).append(submissions_entry());
    EXPECT_EQ(content_of(path), written.text);
}

TEST(Journal, ChangedByteInTheLastLineIsATornEndAndElsewhereDamage) {
    const TemporaryFolder folder;
    const auto path = folder / "journal";
    const auto written = write_all(path);

    auto last = written.text;
    last[written.ends[1] + 40] ^= 1;
    write_content(path, last);
    EXPECT_EQ(read_journal(path).entries.size(), 2u);

    auto middle = written.text;
    middle[written.ends[0] + 40] ^= 1;
    write_content(path, middle);
    try {
        read_journal(path);
        FAIL() << "damage went unnoticed";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("its line 2 is damaged though sound ones follow"));
        EXPECT_THAT(error.what(), HasSubstr("penstock collect"));
    }
}

TEST(Journal, RefusesWhatIsNoJournal) {
    const TemporaryFolder folder;
    const auto path = folder / "journal";
    for (const std::string text : {"", "hello\n", "00000002 0000000000000000 {}\n"}) {
        write_content(path, text);
        EXPECT_THROW(read_journal(path), StoreError) << text;
    }
    EXPECT_THROW(read_journal(folder / "missing"), StoreError);
}

TEST(Journal, RefusesAJournalThatDoesNotBeginWithAnIncarnation) {
    const TemporaryFolder folder;
    write_content(folder / "journal", encode_journal_line(plan_entry()));
    EXPECT_THROW(read_journal(folder / "journal"), StoreError);
}

// A limit on the size of files stands for a disk that becomes full in the middle of a write.
TEST(Journal, AnAppendThatFailsHalfwayLeavesNoTraceAndLaterOnesFollowASoundLine) {
    const TemporaryFolder folder;
    const auto path = folder / "journal";
    auto journal = Journal::create(path, start_entry());
    const auto before = content_of(path);

    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{before.size() + 10, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    EXPECT_THROW(journal.append(plan_entry()), StoreError);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    ::signal(SIGXFSZ, handler);

    EXPECT_EQ(content_of(path), before);
    journal.append(submissions_entry());
    EXPECT_EQ(read_journal(path).entries, (std::vector<JournalEntry>{start_entry(), submissions_entry()}));
}

// The line is sound, and what it says cannot be: found by the fuzz target.
TEST(Journal, ANumberThatCannotStandThereIsDamage) {
    const TemporaryFolder folder;
    for (const std::string wrong : {"66666666666666666666666666666", "-1", "1.5", "4294967296", "\"7\""}) {
        std::string text = encode_journal_line(start_entry()).substr(26);  // behind length and checksum
        text.replace(text.find("4711"), 4, wrong);
        text.pop_back();
        write_content(folder / "journal",
                      fmt::format("{:08x} {:016x} {}\n", text.size(), Hasher().add(text).value(), text));
        EXPECT_THAT([&] { read_journal(folder / "journal"); },
                    testing::ThrowsMessage<StoreError>(HasSubstr("is no number that can stand there")))
            << wrong;
    }
}

TEST(Journal, TextThatIsNotUtf8IsReplacedRatherThanRefused) {
    const TemporaryFolder folder;
    auto entry = start_entry();
    entry.command_line = {"penstock", "\xff.yaml"};
    Journal::create(folder / "journal", entry);
    const auto contents = read_journal(folder / "journal");
    EXPECT_EQ(std::get<IncarnationEntry>(contents.entries.at(0)).command_line.at(1), "\xef\xbf\xbd.yaml");
}

}  // namespace
}  // namespace penstock
