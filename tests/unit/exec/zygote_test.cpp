#include "lanes_fixture.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

namespace penstock::testing {

namespace {

int only_child() {
    const auto all = children();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? 0 : all[0];
}

bool alive(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    return file >> number >> name >> state && state != "Z" && state != "X";
}

}  // namespace

class ZygoteTest : public LanesTest {
protected:
    int pid_of_worker(std::uint32_t lane) {
        run(lane, ticket(one_job("pid")));
        const auto outcomes = collect(1);
        EXPECT_TRUE(outcomes[0].succeeded) << describe(outcomes[0]);
        return static_cast<int>(at(*outcomes[0].outputs, "pid").int64());
    }
    void kill_zygote_and_go_on() {
        fork_zygote();
        const int zygote = only_child();
        const int worker = pid_of_worker(0);
        ::kill(zygote, SIGKILL);
        while (alive(zygote)) ::usleep(100);
        EXPECT_EQ(pid_of_worker(0), worker) << "worker processes outlive the zygote";
        EXPECT_NE(pid_of_worker(1), worker) << "a new one comes from a new zygote";
        EXPECT_EQ(children().size(), 3u);
        lanes().stop();
        EXPECT_TRUE(children().empty());
    }
};

TEST_F(ZygoteTest, AKilledZygoteIsReplacedByAForkWhereMainCannotServe) { kill_zygote_and_go_on(); }

TEST_F(ZygoteTest, AKilledZygoteIsReplacedByTheProgramStartedAnew) {
    std::array<char, 5> name{"test"};
    std::array<char*, 2> arguments{name.data(), nullptr};
    EXPECT_FALSE(serve_if_zygote(1, arguments.data(), test_types()));
    kill_zygote_and_go_on();
}

TEST_F(ZygoteTest, WithoutAZygoteOneIsMadeForTheFirstJob) {
    EXPECT_TRUE(run_one(one_job("noop")).succeeded);
    EXPECT_EQ(children().size(), 2u);
}

TEST_F(ZygoteTest, AZygoteNobodyUsesEndsWithItsOwner) {
    fork_zygote();
    EXPECT_EQ(children().size(), 1u);
    zygote_.reset();
    EXPECT_TRUE(children().empty());
}

// Kills a process that stands for a rank, and waits until nothing is left of it: its orphans come to this process.
class KilledRank : public ZygoteTest {
protected:
    KilledRank() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
    ~KilledRank() override { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

    // What the rank does; it is killed later.
    template <class Work>
    void begin(const Work& work) {
        rank_ = ::fork();
        if (rank_ != 0) return;
        work();
        for (;;) ::pause();
    }
    // Which processes were killed, the rank among them. Programs need not be: their shell may have waited for them as
    // it died itself. But nothing ended by itself, only the zygote did.
    std::set<int> kill_rank() {
        ::kill(rank_, SIGKILL);
        return end_of_all();
    }
    std::set<int> end_of_all() {
        int others = 0;
        std::set<int> killed;
        for (int status = 0, pid = 0; (pid = ::wait(&status)) > 0;) {
            if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
                killed.insert(pid);
            else
                ++others;
        }
        EXPECT_EQ(others, 1) << "the zygote";
        return killed;
    }
    // A pipe with a name, for a process to say its number.
    std::string pipe(const std::string& name) {
        const std::string path = folder_ / name;
        EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
        return path;
    }
    static int said(const std::string& pipe) {
        int pid = 0;
        std::ifstream(pipe) >> pid;
        EXPECT_TRUE(alive(pid));
        return pid;
    }
    // A shell that starts a program, says its number and waits for it. Long enough: it is killed or fails the test.
    std::shared_ptr<const PipelineContext> command(const std::string& pipe) {
        return one_job("outside", {{"argv", List{"sh", "-c", "sleep 30 & echo $! > " + pipe + "; wait"}}});
    }

    int rank_ = 0;
};

TEST_F(KilledRank, LeavesNoZygoteAndNoWorkerProcess) {
    const std::filesystem::path path = folder_ / "pid";
    begin([&] {
        fork_zygote();
        run(1, ticket(one_job("noop")));
        collect(1);  // both workers exist before the file says so
        run(0, ticket(one_job("hang", {{"path", path.string()}})));
    });
    const int worker = std::stoi(wait_for_file(path));
    const std::set<int> killed = kill_rank();
    EXPECT_EQ(killed.size(), 3u) << "the rank and two worker processes";
    EXPECT_TRUE(killed.contains(worker));
}

TEST_F(KilledRank, LeavesNothingThatCommandsAndWorkersHadStarted) {
    const std::string first = pipe("first"), second = pipe("second"), third = pipe("third");
    begin([&] {
        fork_zygote();
        run(0, ticket(command(first)));
        run(1, ticket(one_job("outside", {{"argv", List{"true"}}})));
        collect(1);
        run(1, ticket(command(second)));
        run(2, ticket(one_job("start-program", {{"pipe", third}})));
    });
    const std::set<int> programs{said(first), said(second), said(third)};
    kill_rank();
    for (const int program : programs) EXPECT_FALSE(alive(program));
}

// The launcher kills the process group of a rank.
TEST_F(KilledRank, LeavesNothingWhenItsGroupIsKilled) {
    const std::string path = pipe("pid");
    begin([&] {
        ::setpgid(0, 0);
        fork_zygote();
        run(0, ticket(command(path)));
    });
    const int program = said(path);
    ::kill(-rank_, SIGKILL);
    end_of_all();
    EXPECT_FALSE(alive(program));
}

TEST_F(KilledRank, LeavesNothingToAReplacedZygote) {
    const std::string first = pipe("first"), second = pipe("second");
    begin([&] {
        fork_zygote();
        const int zygote = only_child();
        run(0, ticket(command(first)));
        ::kill(zygote, SIGKILL);
        while (alive(zygote)) ::usleep(100);
        run(1, ticket(one_job("start-program", {{"pipe", second}})));
    });
    const std::set<int> programs{said(first), said(second)};
    kill_rank();
    for (const int program : programs) EXPECT_FALSE(alive(program));
}

TEST_F(ZygoteTest, WorkerProcessesIgnoreWhatAsksTheLaunchToEnd) {
    fork_zygote();
    const int zygote = only_child();
    const int worker = pid_of_worker(0);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
        ::kill(worker, signal);
        ::kill(zygote, signal);
    }
    EXPECT_EQ(pid_of_worker(0), worker);
    EXPECT_TRUE(alive(zygote));
}

}  // namespace penstock::testing
