#include "store/run_directory.hpp"

#include "store/hdf5.hpp"
#include "store/journal.hpp"
#include "temporary_folder.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

namespace penstock {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

ClaimOptions forced() {
    ClaimOptions options;
    options.force = true;
    return options;
}

// The StoreError of `call`; "" when it threw none.
std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const StoreError& error) {
        return error.what();
    }
    return "";
}
std::string claim_error(const fs::path& results, const ClaimOptions& options = {}) {
    return error_of([&] { RunDirectory::claim(results, options); });
}

// The least that is taken for a results file.
void write_results_file(const fs::path& path) {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (const char* group : {"jobs", "pipelines"}) h5::create_group(file, group);
    h5::write_attribute(file, "format_version", std::uint64_t{1});
    H5Fclose(file);
}

// Another process that claims `results` and then holds it, or is killed without a word.
class OtherRun {
public:
    explicit OtherRun(const fs::path& results) {
        int ready[2];
        if (::pipe(ready) != 0) throw std::runtime_error("pipe");
        child_ = ::fork();
        if (child_ == 0) {
            const auto claim = RunDirectory::claim(results, {});
            [[maybe_unused]] const auto said = ::write(ready[1], "x", 1);
            while (true) ::pause();
        }
        ::close(ready[1]);
        char byte = 0;
        claimed_ = ::read(ready[0], &byte, 1) == 1;
        ::close(ready[0]);
    }
    ~OtherRun() { kill(); }
    void kill() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = -1;
    }
    bool claimed() const { return claimed_; }
    pid_t pid() const { return child_; }

private:
    pid_t child_ = -1;
    bool claimed_ = false;
};

TEST(RunDirectory, EitherNameMeansTheSameRun) {
    for (const fs::path name : {"out/a.h5", "out/a.h5.run", "out/a.h5.run/"}) {
        EXPECT_EQ(results_file_of(name), "out/a.h5") << name;
        EXPECT_EQ(run_directory_of(name), "out/a.h5.run") << name;
    }
    EXPECT_EQ(run_directory_of("results"), "results.run");
}

TEST(RunDirectory, AFreshOneHasItsFoldersAndAJournal) {
    const TemporaryFolder folder;
    ClaimOptions options;
    options.command_line = {"penstock", "run", "a.yaml"};
    const auto run = RunDirectory::claim(folder / "a.h5", options);
    EXPECT_EQ(run->path(), folder / "a.h5.run");
    EXPECT_EQ(run->incarnation(), 1u);
    for (const char* name : {"segments", "logs", "scratch", "spill"})
        EXPECT_TRUE(fs::is_directory(run->path() / name)) << name;
    EXPECT_FALSE(fs::exists(folder / "a.h5"));

    const auto contents = read_journal(run->path() / "journal");
    ASSERT_EQ(contents.entries.size(), 1u);
    const auto& start = std::get<IncarnationEntry>(contents.entries[0]);
    EXPECT_EQ(start.incarnation, 1u);
    EXPECT_EQ(start.first, 1u);
    EXPECT_EQ(start.command_line, options.command_line);
    EXPECT_EQ(start.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_FALSE(start.host.empty());
}

// Killed before it had said what the directory is: there is nothing in it to lose, and nothing in the way.
TEST(RunDirectory, OneThatWasKilledInItsFirstMomentIsGoneOnWith) {
    const TemporaryFolder folder;
    for (const bool resume : {false, true}) {
        const fs::path results = folder / (resume ? "a.h5" : "b.h5");
        const fs::path directory = run_directory_of(results);
        fs::create_directory(directory);
        std::ofstream(directory / "penstock-run.new") << "This dir";
        ClaimOptions options;
        options.resume = resume;
        const auto run = RunDirectory::claim(results, options);
        EXPECT_FALSE(run->resumed());
        EXPECT_TRUE(fs::exists(directory / "penstock-run"));
    }
    fs::create_directory(folder / "c.h5.run");
    std::ofstream(folder / "c.h5.run/mine.new") << "x";
    EXPECT_THAT(claim_error(folder / "c.h5"), HasSubstr("is no run directory of Penstock"));
}

TEST(RunDirectory, WhatSaysThatItIsOneMayBePutBackWhenItWasDamaged) {
    const TemporaryFolder folder;
    for (const char* name : {"a.h5", "b.h5"}) RunDirectory::claim(folder / name, {});
    write_content(folder / "a.h5.run/penstock-run", "This direktory");
    ClaimOptions options;
    options.resume = true;
    EXPECT_THROW(RunDirectory::claim(folder / "a.h5", options), StoreError);
    EXPECT_THAT(claim_error(folder / "a.h5", forced()), HasSubstr("its file `penstock-run` is not as it was written"));
    EXPECT_TRUE(fs::exists(folder / "a.h5.run/journal"));
    fs::copy_file(folder / "b.h5.run/penstock-run", folder / "a.h5.run/penstock-run",
                  fs::copy_options::overwrite_existing);
    EXPECT_TRUE(RunDirectory::claim(folder / "a.h5", options)->resumed());
}

TEST(RunDirectory, PlansAndSubmissionsAreInTheJournalWhenTheCallReturns) {
    const TemporaryFolder folder;
    const auto run = RunDirectory::claim(folder / "a.h5", {});
    Plan plan;
    plan.name = "p";
    plan.definition_text = "name: p";
    run->record_plan(PlanId(0), plan);
    run->record_submissions({{PipelineId(0), PlanId(0), "", {}}, {PipelineId(1), PlanId(0), "x=1", {{"x", 1}}}});
    run->record_submissions({});
    const auto contents = read_journal(run->path() / "journal");
    ASSERT_EQ(contents.entries.size(), 3u);
    EXPECT_EQ(std::get<PlanEntry>(contents.entries[1]).definition, "name: p");
    EXPECT_EQ(std::get<SubmissionsEntry>(contents.entries[2]).pipelines.size(), 2u);
}

TEST(RunDirectory, FinishedKeepsJournalAndLogs) {
    const TemporaryFolder folder;
    const auto run = RunDirectory::claim(folder / "a.h5", {});
    write_content(run->path() / "segments" / "s", "x");
    write_content(run->path() / "logs" / "l", "x");
    run->finished();
    EXPECT_FALSE(fs::exists(run->path() / "segments"));
    EXPECT_FALSE(fs::exists(run->path() / "spill"));
    EXPECT_TRUE(fs::exists(run->path() / "logs" / "l"));
    EXPECT_TRUE(fs::exists(run->path() / "journal"));
}

TEST(RunDirectory, AnEarlierRunIsRefusedUntouchedWithoutForce) {
    const TemporaryFolder folder;
    write_content(RunDirectory::claim(folder / "a.h5", {})->path() / "segments" / "s", "x");
    EXPECT_THAT(claim_error(folder / "a.h5"), AllOf(HasSubstr("holds an earlier run."), HasSubstr("-o"),
                                                    HasSubstr("--force"), HasSubstr("penstock collect")));
    EXPECT_TRUE(fs::exists(folder / "a.h5.run/segments/s"));
}

TEST(RunDirectory, ForceRemovesTheOldRunAndItsResults) {
    const TemporaryFolder folder;
    {
        const auto old = RunDirectory::claim(folder / "a.h5", {});
        write_content(old->path() / "segments" / "s", "x");
        old->record_submissions({{PipelineId(0), PlanId(0), "", {}}});
        write_results_file(folder / "a.h5");
    }
    const auto run = RunDirectory::claim(folder / "a.h5", forced());
    EXPECT_EQ(run->incarnation(), 2u) << "an incarnation number is never used again";
    EXPECT_FALSE(fs::exists(folder / "a.h5"));
    EXPECT_TRUE(fs::is_empty(run->path() / "segments"));
    const auto contents = read_journal(run->path() / "journal");
    ASSERT_EQ(contents.entries.size(), 1u);
    EXPECT_EQ(std::get<IncarnationEntry>(contents.entries[0]).first, 2u);
}

TEST(RunDirectory, ResultsAreNotOverwrittenWithoutForce) {
    const TemporaryFolder folder;
    write_results_file(folder / "a.h5");
    EXPECT_THAT(claim_error(folder / "a.h5"),
                AllOf(HasSubstr("a.h5 exists, and results are not overwritten"), HasSubstr("--force")));
    EXPECT_TRUE(fs::exists(folder / "a.h5"));
    EXPECT_FALSE(fs::exists(folder / "a.h5.run")) << "a refused claim leaves nothing behind";
    EXPECT_EQ(claim_error(folder / "a.h5", forced()), "");
    EXPECT_FALSE(fs::exists(folder / "a.h5"));
}

TEST(RunDirectory, ForceNeverRemovesWhatIsNotOurs) {
    const TemporaryFolder folder;
    write_content(folder / "thesis.txt", "years of work");
    EXPECT_THAT(claim_error(folder / "thesis.txt", forced()), HasSubstr("no results file of Penstock"));
    EXPECT_EQ(content_of(folder / "thesis.txt"), "years of work");

    const hid_t file = H5Fcreate((folder / "other.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    EXPECT_THAT(claim_error(folder / "other.h5", forced()), HasSubstr("no results file of Penstock"));
    EXPECT_TRUE(fs::exists(folder / "other.h5"));

    fs::create_directories(folder / "b.h5.run/segments");
    write_content(folder / "b.h5.run/segments/mine", "x");
    EXPECT_THAT(claim_error(folder / "b.h5", forced()), HasSubstr("no run directory of Penstock"));
    EXPECT_TRUE(fs::exists(folder / "b.h5.run/segments/mine"));

    write_content(folder / "c.h5.run", "x");
    EXPECT_THAT(claim_error(folder / "c.h5", forced()), HasSubstr("is no folder"));
    EXPECT_EQ(content_of(folder / "c.h5.run"), "x");
}

TEST(RunDirectory, ForceLeavesForeignFilesWithinARunAlone) {
    const TemporaryFolder folder;
    write_content(RunDirectory::claim(folder / "a.h5", {})->path() / "notes.txt", "mine");
    RunDirectory::claim(folder / "a.h5", forced());
    EXPECT_EQ(content_of(folder / "a.h5.run/notes.txt"), "mine");
}

TEST(RunDirectory, ForceDoesNotFollowLinksOutOfTheRun) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "elsewhere");
    write_content(folder / "elsewhere/precious", "x");
    fs::create_directory_symlink(folder / "elsewhere",
                                 RunDirectory::claim(folder / "a.h5", {})->path() / "scratch" / "link");
    RunDirectory::claim(folder / "a.h5", forced());
    EXPECT_TRUE(fs::exists(folder / "elsewhere/precious"));
}

TEST(RunDirectory, AnEmptyFolderOfTheNameIsTaken) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "a.h5.run");
    EXPECT_EQ(claim_error(folder / "a.h5"), "");
}

TEST(RunDirectory, ALiveRunIsRefusedAlsoWithForce) {
    const TemporaryFolder folder;
    OtherRun other(folder / "a.h5");
    ASSERT_TRUE(other.claimed());
    const auto by = "process " + std::to_string(other.pid());
    EXPECT_THAT(claim_error(folder / "a.h5"), AllOf(HasSubstr("run that is going on"), HasSubstr(by)));
    EXPECT_THAT(claim_error(folder / "a.h5", forced()), AllOf(HasSubstr("run that is going on"), HasSubstr(by)));
}

TEST(RunDirectory, ADeadOwnerIsOverriddenByForceAlone) {
    const TemporaryFolder folder;
    OtherRun other(folder / "a.h5");
    ASSERT_TRUE(other.claimed());
    other.kill();
    EXPECT_THAT(claim_error(folder / "a.h5"), HasSubstr("earlier run that did not come to its end"));
    EXPECT_EQ(RunDirectory::claim(folder / "a.h5", forced())->incarnation(), 2u);
}

TEST(RunDirectory, TwoClaimsOfOneProcessExcludeOneAnother) {
    const TemporaryFolder folder;
    const auto first = RunDirectory::claim(folder / "a.h5", {});
    EXPECT_THAT(claim_error(folder / "a.h5", forced()), HasSubstr("run that is going on"));
}

// Where locks do not work the count decides: a stranger's machine, no lock.
void write_owner(const fs::path& run, std::uint64_t count) {
    write_content(run / "incarnations/000001",
                  "{\"incarnation\":1,\"host\":\"elsewhere\",\"boot\":\"b\",\"pid\":12,\"locked\":false}\nrenewed " +
                      std::string(19, '0') + std::to_string(count) + "\n");
}

TEST(Ownership, AnOwnerElsewhereWhoseCountMovesIsAlive) {
    const TemporaryFolder folder;
    RunDirectory::claim(folder / "a.h5", {});
    write_owner(folder / "a.h5.run", 0);
    const pid_t renewing = ::fork();
    if (renewing == 0)
        for (std::uint64_t count = 0;; count = (count + 1) % 10) write_owner(folder / "a.h5.run", count);
    auto options = forced();
    options.timing.patience = 600'000'000'000;  // ends as soon as the count moves
    options.timing.renew_every = 4'000'000;
    EXPECT_THAT(claim_error(folder / "a.h5", options), HasSubstr("run that is going on"));
    ::kill(renewing, SIGKILL);
    ::waitpid(renewing, nullptr, 0);
}

TEST(Ownership, AnOwnerElsewhereWhoseCountStandsStillIsDead) {
    const TemporaryFolder folder;
    RunDirectory::claim(folder / "a.h5", {});
    write_owner(folder / "a.h5.run", 5);
    auto options = forced();
    options.timing.patience = 20'000'000;
    options.timing.renew_every = 4'000'000;
    EXPECT_EQ(RunDirectory::claim(folder / "a.h5", options)->incarnation(), 2u);
}

TEST(Ownership, TheOwnerCountsUpAndSaysWhenItLeaves) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "run");
    OwnershipTiming timing;
    timing.renew_every = 100'000;
    {
        const auto ownership = Ownership::take(folder / "run", timing);
        while (newest_owner(folder / "run")->count < 3) {
        }
        EXPECT_FALSE(newest_owner(folder / "run")->ended);
        EXPECT_TRUE(lock_is_held(folder / "run"));
    }
    EXPECT_TRUE(newest_owner(folder / "run")->ended);
    EXPECT_FALSE(lock_is_held(folder / "run"));
}

// ------------------------------------------------------------------------------------------- places that do not work

TEST(RunDirectory, AMissingFolderIsNamedWithTheCommandThatMakesIt) {
    const TemporaryFolder folder;
    const auto missing = folder / "no/such";
    EXPECT_EQ(claim_error(missing / "a.h5"), "cannot make " + (missing / "a.h5.run").string() + ": the folder " +
                                                 missing.string() + " does not exist. Make the folder (mkdir -p " +
                                                 missing.string() + ") or choose another place.");
}

TEST(RunDirectory, AFileInPlaceOfAFolder) {
    const TemporaryFolder folder;
    write_content(folder / "file", "x");
    EXPECT_THAT(claim_error(folder / "file/a.h5"),
                AllOf(HasSubstr("Not a directory"), HasSubstr("Choose a place whose folders are all folders")));
}

TEST(RunDirectory, AFolderWhereTheResultsShouldGo) {
    const TemporaryFolder folder;
    EXPECT_THAT(claim_error(folder.path()), AllOf(HasSubstr("it is a folder"), HasSubstr("/results.h5")));
}

TEST(RunDirectory, NoPermission) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "closed");
    ::chmod((folder / "closed").c_str(), 0555);
    ::chmod(folder.path().c_str(), 0755);
    const bool root = ::geteuid() == 0;
    if (root && ::seteuid(65534) != 0) GTEST_SKIP() << "root who cannot become nobody sees no permission denied";
    const auto error = claim_error(folder / "closed/a.h5");
    if (root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    EXPECT_THAT(error, AllOf(HasSubstr("permission is denied"), HasSubstr("Ask for permission to write in")));
}

TEST(RunDirectory, ANameThatIsTooLong) {
    const TemporaryFolder folder;
    EXPECT_THAT(claim_error(folder / std::string(254, 'a')), HasSubstr("Choose a shorter name"));
}

TEST(FileError, EveryReasonHasARemedy) {
    const auto text = [](int error) { return std::string(file_error("write", "/a/b", error).what()); };
    EXPECT_EQ(text(ENOSPC),
              "cannot write /a/b: the disk is full. Free some space where /a is, or choose another place.");
    EXPECT_EQ(text(EROFS),
              "cannot write /a/b: its file system is read-only. Choose a place on a file system that can be written.");
    EXPECT_THAT(text(EDQUOT), HasSubstr("quota"));
    EXPECT_THAT(text(EMFILE), HasSubstr("ulimit -n"));
    EXPECT_THAT(text(EIO), HasSubstr("Look at the file system of /a"));
}

// A device that is always full.
TEST(FileError, AFullDiskIsSaidOnAppend) {
    File full("/dev/full", O_WRONLY, "write");
    const auto error = error_of([&] { full.append("x"); });
    EXPECT_THAT(error, HasSubstr("the disk is full"));
}

}  // namespace
}  // namespace penstock
