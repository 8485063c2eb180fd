// A run that another launch goes on with.
#include "sample_run.hpp"

#include "store/journal.hpp"
#include "store/run_directory.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace penstock {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClaimOptions resumed() {
    ClaimOptions options;
    options.resume = true;
    return options;
}

class TakeOver : public ::testing::Test {
protected:
    TakeOver() { pipeline_ = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start(); }
    fs::path results() const { return folder_ / "a.h5"; }
    fs::path directory() const { return folder_ / "a.h5.run"; }

    std::unique_ptr<RecordWriter> writer(std::uint32_t incarnation, std::uint32_t rank = 1) const {
        WriterOptions options;
        options.run_directory = directory();
        options.rank = rank;
        options.incarnation = incarnation;
        options.epoch = 1;
        options.interval = 1'000'000;
        return make_record_writer(std::move(options));
    }
    void write(RecordWriter& to, std::uint32_t instance) const {
        std::vector<JobRecord> one;
        one.push_back(record_of(pipeline_, 0, instance));
        SampleRun::write(to, std::move(one));
    }
    std::size_t known_jobs() const { return Results::open(results())->jobs().size(); }
    std::vector<JournalEntry> journal() const { return read_journal(directory() / "journal").entries; }

    TemporaryFolder folder_;
    std::shared_ptr<const PipelineContext> pipeline_;
};

TEST_F(TakeOver, OfNothingIsAFirstLaunch) {
    const auto claim = RunDirectory::claim(results(), resumed());
    EXPECT_FALSE(claim->resumed());
    EXPECT_EQ(claim->incarnation(), 1u);
    EXPECT_EQ(segments_folder_of(directory()), directory() / "segments");
}

TEST_F(TakeOver, KeepsTheSegmentsAndFencesTheirWriters) {
    RunDirectory::claim(results(), {});
    write(*writer(1, 1), 0);
    const auto two = writer(1, 2);
    for (std::uint32_t i = 1; i < 4; ++i) write(*two, i);
    const auto claim = RunDirectory::claim(results(), resumed());
    EXPECT_TRUE(claim->resumed());
    EXPECT_EQ(claim->incarnation(), 2u);
    EXPECT_EQ(segments_folder_of(directory()), directory() / "segments-000002");
    EXPECT_EQ(known_jobs(), 4u);
    const auto entries = journal();
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(std::get<IncarnationEntry>(entries[1]).first, 1u);
    EXPECT_EQ(std::get<FenceEntry>(entries[2]), (FenceEntry{2, {{{1, 1, 1}, 1}, {{1, 2, 1}, 3}}}));
}

TEST_F(TakeOver, OneThatWasNotDeadCanWriteNoMoreAndCountsNoMore) {
    auto dead = RunDirectory::claim(results(), {});
    const auto zombie = writer(1), unseen = writer(1, 7);
    write(*zombie, 0);
    dead.reset();
    const auto claim = RunDirectory::claim(results(), resumed());
    std::vector<JobRecord> late;
    late.push_back(record_of(pipeline_, 0, 1));
    zombie->add(std::move(late));
    zombie->flush_soon();
    while (!zombie->error()) std::this_thread::yield();
    EXPECT_THAT(*zombie->error(), HasSubstr("segments"));
    EXPECT_EQ(known_jobs(), 1u);

    // A network file system may still show it the folder under its old name.
    const auto another = writer(1, 7);
    write(*another, 2);
    EXPECT_EQ(known_jobs(), 1u) << "nobody had seen that writer when the run was taken over";
    write(*writer(2), 3);
    EXPECT_EQ(known_jobs(), 2u);
}

TEST_F(TakeOver, IsPossibleAgainAndAgain) {
    for (std::uint32_t launch = 1; launch <= 5; ++launch) {
        const auto claim = RunDirectory::claim(results(), resumed());
        ASSERT_EQ(claim->incarnation(), launch);
        write(*writer(launch), launch);
    }
    EXPECT_EQ(known_jobs(), 5u);
    EXPECT_THAT(journal(), ::testing::SizeIs(9));
}

TEST_F(TakeOver, OfACollectedRunGoesOnFromItsResults) {
    {
        const auto claim = RunDirectory::claim(results(), {});
        write(*writer(1), 0);
        collect(directory(), results(), {});
        claim->finished();
    }
    const auto claim = RunDirectory::claim(results(), resumed());
    write(*writer(2), 1);
    EXPECT_EQ(known_jobs(), 2u);
    fs::remove_all(directory());
}

TEST_F(TakeOver, OfAResultsFileAloneHasANumberOfItsOwn) {
    {
        const auto claim = RunDirectory::claim(results(), {});
        write(*writer(1), 0);
        collect(directory(), results(), {});
    }
    fs::remove_all(directory());
    const auto claim = RunDirectory::claim(results(), resumed());
    EXPECT_EQ(claim->incarnation(), 2u);
    EXPECT_EQ(known_jobs(), 1u);
}

TEST_F(TakeOver, AfterADeathBeforeTheJournalWasThere) {
    RunDirectory::claim(results(), {});
    fs::remove(directory() / "journal");
    const auto claim = RunDirectory::claim(results(), resumed());
    EXPECT_TRUE(claim->resumed());
    EXPECT_EQ(journal().size(), 3u);
}

TEST_F(TakeOver, WhatWasTemporaryGoes) {
    RunDirectory::claim(results(), {});
    std::ofstream(directory() / "spill/old") << "x";
    fs::create_directories(directory() / "scratch/job");
    const auto claim = RunDirectory::claim(results(), resumed());
    EXPECT_FALSE(fs::exists(directory() / "spill/old"));
    EXPECT_FALSE(fs::exists(directory() / "scratch/job"));
    EXPECT_TRUE(fs::is_directory(directory() / "scratch"));
}

TEST_F(TakeOver, AFileThatIsNotOursIsRefused) {
    std::ofstream(results()) << "mine";
    EXPECT_THROW(RunDirectory::claim(results(), resumed()), StoreError);
    EXPECT_FALSE(fs::exists(directory()));
}

}  // namespace
}  // namespace penstock
