#include "cli/doctor.hpp"

#include "cli/trial_process.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cerrno>

namespace penstock {
namespace {

using Result = Finding::Result;
using ::testing::HasSubstr;
using ::testing::Not;

class DoctorFolder : public ::testing::Test {
protected:
    DoctorFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "penstock-doctor-test-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~DoctorFolder() override { std::filesystem::remove_all(folder_); }

    Finding find(const std::string& what, const FolderCalls& calls) {
        for (const Finding& f : look_at_folder(folder_, calls))
            if (f.what == what) return f;
        ADD_FAILURE() << "no finding called " << what;
        return {};
    }
    void expect_needed_and_missed(const std::string& what, const FolderCalls& calls, const std::string& found) {
        const Finding f = find(what, calls);
        EXPECT_EQ(f.result, Result::does_not);
        EXPECT_TRUE(f.needed);
        EXPECT_THAT(f.found, HasSubstr(found));
        EXPECT_NE(f.advice, "");
    }

    std::filesystem::path folder_;
};

TEST_F(DoctorFolder, AllHoldsInAnOrdinaryOneAndNothingIsLeftBehind) {
    const Findings all = look_at_folder(folder_);
    EXPECT_EQ(all.size(), 10u);
    for (const Finding& f : all) EXPECT_EQ(f.result, Result::holds) << f.what << ": " << f.found;
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(DoctorFolder, OneThatIsNotThereIsMissed) {
    const Findings all = look_at_folder(folder_ / "none");
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].found, "No such file or directory");
    EXPECT_FALSE(all_needed_holds(all));
}

TEST_F(DoctorFolder, OneThatMayNotBeWrittenToIsMissed) {
    const Findings all = look_at_folder("/proc");
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].result, Result::does_not);
    EXPECT_THAT(all[0].advice, HasSubstr("penstock doctor FOLDER"));
}

TEST_F(DoctorFolder, NoRoom) {
    FolderCalls calls;
    calls.statvfs = [](const char*, struct statvfs* facts) {
        *facts = {};
        facts->f_bavail = 100;
        facts->f_frsize = 4096;
        return 0;
    };
    expect_needed_and_missed("there is room", calls, "only 400 KiB are free");
    calls.statvfs = [](const char*, struct statvfs* facts) {
        *facts = {};
        facts->f_bavail = 1 << 30;
        facts->f_frsize = 4096;
        facts->f_files = 10'000;
        facts->f_favail = 3;
        return 0;
    };
    expect_needed_and_missed("there is room", calls, "only 3 more files can be made");
}

TEST_F(DoctorFolder, ARenameThatFailsOrDoesNothing) {
    FolderCalls calls;
    calls.rename = [](const char*, const char*) {
        errno = EXDEV;
        return -1;
    };
    expect_needed_and_missed("a rename replaces a file", calls, "rename: Invalid cross-device link");
    calls.rename = [](const char*, const char*) { return 0; };
    expect_needed_and_missed("a rename replaces a file", calls, "the old content is still there");
}

TEST_F(DoctorFolder, ExclusiveCreationThatIsNot) {
    FolderCalls calls;
    calls.open = [](const char* path, int flags, mode_t mode) { return ::open(path, flags & ~O_EXCL, mode); };
    expect_needed_and_missed("only one can make a file", calls, "two could make it");
}

TEST_F(DoctorFolder, FoldersThatCannotBeSynced) {
    FolderCalls calls;
    calls.fsync = [](int descriptor) {
        struct stat facts {};
        ::fstat(descriptor, &facts);
        if (!S_ISDIR(facts.st_mode)) return 0;
        errno = EINVAL;
        return -1;
    };
    expect_needed_and_missed("files and folders can be synced", calls, "fsync of the folder: Invalid argument");
}

TEST_F(DoctorFolder, LocksThatAreMissingOrNotSeen) {
    FolderCalls calls;
    calls.lock = [](int, struct flock*) { return 0; };
    Finding f = find("locks are seen by other processes", calls);
    EXPECT_EQ(f.result, Result::does_not);
    EXPECT_EQ(f.found, "another process got the same lock");
    EXPECT_FALSE(f.needed);
    EXPECT_THAT(f.advice, HasSubstr("some seconds longer"));
    calls.lock = [](int, struct flock*) {
        errno = ENOLCK;
        return -1;
    };
    EXPECT_EQ(find("locks are seen by other processes", calls).found, "fcntl: No locks available");
}

TEST_F(DoctorFolder, NoHardLinks) {
    FolderCalls calls;
    calls.link = [](const char*, const char*) {
        errno = EPERM;
        return -1;
    };
    const Finding f = find("a file can have two names", calls);
    EXPECT_EQ(f.found, "link: Operation not permitted");
    EXPECT_FALSE(f.needed);
}

TEST_F(DoctorFolder, TimesThatStandStill) {
    FolderCalls calls;
    calls.stat = [](const char*, struct stat* facts) {
        *facts = {};
        return 0;
    };
    EXPECT_THAT(find("a changed file has another time", calls).found, HasSubstr("has the same time"));
}

TEST_F(DoctorFolder, Hdf5ThatCannotBeWritten) {
    FolderCalls calls;
    calls.hdf5 = [](const std::filesystem::path& folder) { return try_hdf5(folder / "none"); };
    expect_needed_and_missed("HDF5 files can be written and read", calls, "");
    calls.hdf5 = [](const std::filesystem::path&) { return std::string("what was read is not what was written"); };
    expect_needed_and_missed("HDF5 files can be written and read", calls, "what was read is not what was written");
}

// ------------------------------------------------------------------------------------------ what it says

TEST(Doctor, TheTableMarksWhatIsNeededAndMissed) {
    const Findings all{{"folder", "a", Result::holds, "1 ms", "", true},
                       {"folder", "b", Result::does_not, "broken", "mend it", true},
                       {"launcher: mpirun", "c", Result::unknown, "", "", false},
                       {"launcher: mpirun", "d", Result::does_not, "", "costs little", false}};
    EXPECT_EQ(doctor_text(all),
              "folder\n"
              "    holds     a  1 ms\n"
              "  ! does not  b  broken\n"
              "\n"
              "launcher: mpirun\n"
              "    unknown   c\n"
              "    does not  d\n"
              "\n"
              "* b: mend it\n"
              "* d: costs little\n"
              "\n"
              "Something that is needed does not hold here: see the lines with `!`.\n");
    EXPECT_FALSE(all_needed_holds(all));
    EXPECT_TRUE(all_needed_holds({all[0], all[2], all[3]}));
    const auto json = nlohmann::json::parse(doctor_json(all));
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["findings"].size(), 4u);
    EXPECT_EQ(json["findings"][1]["result"], "does not");
    EXPECT_EQ(json["findings"][1]["needed"], true);
}

TEST(Doctor, ALauncherThatIsNotThereIsMissed) {
    const auto folder = std::filesystem::temp_directory_path();
    const Findings all = look_at_launcher("no-such-launcher-anywhere -n 2", "/bin/true", folder);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].result, Result::does_not);
    EXPECT_THAT(all[0].found, HasSubstr("No such file or directory"));
    EXPECT_FALSE(all_needed_holds(look_at_launcher(" ", "/bin/true", folder)));
}

TEST(Doctor, ALauncherThatStartsNothingIsMissedWithWhatItSays) {
    const Findings all = look_at_launcher("ls --no-such-option", "/bin/true", std::filesystem::temp_directory_path());
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].result, Result::does_not);
    EXPECT_THAT(all[0].found, HasSubstr("exit code 2: ls:"));
}

TEST(TrialProcess, SaysHowItEndedAndWhatItPrinted) {
    const auto output = std::filesystem::temp_directory_path() / ("penstock-trial-" + std::to_string(::getpid()));
    {
        TrialProcess trial({"sh", "-c", "echo -----; echo no way; exit 3"}, output);
        EXPECT_EQ(trial.wait(60), 3);
        EXPECT_EQ(trial.complaint(), "no way");
    }
    {
        TrialProcess trial({"sleep", "1000"}, output);
        EXPECT_FALSE(trial.ended());
        trial.signal(SIGTERM);
        EXPECT_EQ(trial.wait(60), 128 + SIGTERM);
    }
    { TrialProcess left_behind({"sleep", "1000"}, output); }
    EXPECT_THROW(TrialProcess({"no-such-program-anywhere"}, output), std::runtime_error);
    std::filesystem::remove(output);
}

}  // namespace
}  // namespace penstock
