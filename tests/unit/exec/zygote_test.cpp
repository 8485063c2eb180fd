#include "lanes_fixture.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

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

// A rank that is killed takes its zygote and its worker processes with it, also those in an endless job.
TEST_F(ZygoteTest, NothingOutlivesAKilledRank) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans come here, where they can be counted
    const std::string path = (folder_ / "pid").string();
    const pid_t rank = ::fork();
    if (rank == 0) {
        fork_zygote();
        run(1, ticket(one_job("noop")));
        collect(1);  // both workers exist before the file says so
        run(0, ticket(one_job("hang", {{"path", path}})));
        for (;;) ::pause();
    }
    const int worker = std::stoi(wait_for_file(path));
    EXPECT_TRUE(alive(worker));
    ::kill(rank, SIGKILL);
    int ended = 0;
    bool worker_ended = false;
    for (int status = 0, pid = 0; (pid = ::wait(&status)) > 0; ++ended) {
        worker_ended |= pid == worker;
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), SIGKILL);
    }
    EXPECT_EQ(ended, 4) << "the rank, its zygote and two worker processes";
    EXPECT_TRUE(worker_ended);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
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
