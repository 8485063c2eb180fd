// Which CPUs commands get: by the books, and by what real commands say.
#include "command_harness.hpp"

#include "exec/command_cpus.hpp"

#include <gmock/gmock.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <sstream>

namespace penstock::command_test {
namespace {

using Cpus = std::vector<std::uint32_t>;

Cpus cpus_of(const cpu_set_t* mask) {
    Cpus made;
    for (std::uint32_t cpu = 0; mask && cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, mask)) made.push_back(cpu);
    }
    return made;
}
Cpus cpus_of(const CpuGrant& grant) { return cpus_of(grant.mask()); }

const Cpus kUnbound;  // null: where the rank may run

TEST(CommandCpus, SeveralAreForOneCommand) {
    CommandCpus cpus({{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, {}});
    const CpuGrant first = cpus.grant(2);
    EXPECT_EQ(cpus_of(first), (Cpus{0, 1}));
    EXPECT_EQ(cpus_of(cpus.grant(3)), (Cpus{2, 3, 4}));
    EXPECT_EQ(cpus_of(cpus.grant(2)), (Cpus{2, 3})) << "those of the one before are free again";
}

TEST(CommandCpus, OneCpuIsTheKernelsChoice) {
    CommandCpus cpus({{0, 1}, {0, 1}, {}});
    EXPECT_EQ(cpus.grant(1).mask(), nullptr);
    const CpuGrant all = cpus.grant(2);
    EXPECT_EQ(cpus_of(all), (Cpus{0, 1}));
    EXPECT_EQ(cpus.grant(1).mask(), nullptr);
}

TEST(CommandCpus, WhereTooFewAreFreeNobodyIsConfined) {
    CommandCpus cpus({{0, 1, 2}, {0, 1, 2}, {}});
    const CpuGrant two = cpus.grant(2);
    EXPECT_EQ(cpus_of(cpus.grant(2)), kUnbound);
    EXPECT_EQ(cpus_of(cpus.grant(4)), kUnbound);
    EXPECT_EQ(cpus_of(CommandCpus({{3}, {3}, {}}).grant(2)), kUnbound);
    EXPECT_EQ(cpus_of(CommandCpus({}).grant(2)), kUnbound);
    EXPECT_EQ(cpus_of(CommandCpus({{5000}, {5000}, {}}).grant(1)), kUnbound);
}

// A launcher bound each rank to a part of the host. A job that needs more is placed by what the whole host has.
TEST(CommandCpus, OfABoundRankAreItsOwnFirst) {
    CommandCpus cpus({{2, 3}, {0, 1, 2, 3}, {}});
    CpuGrant one = cpus.grant(1);
    EXPECT_EQ(cpus_of(one), Cpus{2});
    EXPECT_EQ(cpus_of(cpus.grant(3)), (Cpus{0, 1, 3}));
    const CpuGrant two = cpus.grant(2);
    EXPECT_EQ(cpus_of(two), (Cpus{0, 3}));
    EXPECT_EQ(cpus_of(cpus.grant(2)), (Cpus{0, 1, 2, 3})) << "one is free, and two were asked for";
    one = CpuGrant();
    EXPECT_EQ(cpus_of(cpus.grant(2)), (Cpus{1, 2}));
}

TEST(CommandCpus, BrokersOfAHostAgree) {
    TemporaryDirectory directory;
    const fs::path file = directory.path() / "cpus";
    CommandCpus here({{0, 1, 2}, {0, 1, 2}, file}), there({{0, 1, 2}, {0, 1, 2}, file});
    CpuGrant two = here.grant(2);
    EXPECT_EQ(cpus_of(two), (Cpus{0, 1}));
    EXPECT_EQ(cpus_of(there.grant(2)), kUnbound);
    EXPECT_EQ(cpus_of(here.grant(3)), kUnbound);
    two.release();
    const CpuGrant three = there.grant(3);
    EXPECT_EQ(cpus_of(three), (Cpus{0, 1, 2}));
    EXPECT_EQ(cpus_of(here.grant(2)), kUnbound);
}

TEST(CommandCpus, OfABrokerThatDiedAreFree) {
    TemporaryDirectory directory;
    const CpusForCommands two{{0, 1}, {0, 1}, directory.path() / "cpus"};
    int said[2];
    ASSERT_EQ(::pipe(said), 0);
    const pid_t other = ::fork();
    if (other == 0) {
        CommandCpus cpus(two);
        const CpuGrant grant = cpus.grant(2);
        if (::write(said[1], grant.mask() ? "y" : "n", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    char answer = 0;
    EXPECT_EQ(::read(said[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    CommandCpus cpus(two);
    EXPECT_EQ(cpus_of(cpus.grant(2)), kUnbound);
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    EXPECT_EQ(cpus_of(cpus.grant(2)), (Cpus{0, 1}));
    ::close(said[0]);
    ::close(said[1]);
}

TEST(CommandCpus, NeedNoFile) {
    TemporaryDirectory directory;
    const fs::path link = directory.path() / "link", target = directory.path() / "target";
    fs::create_symlink(target, link);
    for (const fs::path& file : {link, directory.path(), directory.path() / "no" / "folder"}) {
        CommandCpus cpus({{0, 1}, {0, 1}, file});
        EXPECT_EQ(cpus_of(cpus.grant(2)), (Cpus{0, 1})) << file;
    }
    EXPECT_FALSE(fs::exists(target)) << "a link that somebody else may have made is not followed";
}

// ---------------------------------------------------------------------------------------------- real commands

Cpus own_cpus() {
    cpu_set_t mask;
    EXPECT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
    return cpus_of(&mask);
}

// CPUs from the kernel's form: 0-3,7
Cpus read_list(const std::string& text) {
    Cpus made;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        const std::size_t dash = part.find('-');
        const unsigned long first = std::stoul(part),
                            last = dash == std::string::npos ? first : std::stoul(part.substr(dash + 1));
        for (unsigned long cpu = first; cpu <= last; ++cpu) made.push_back(static_cast<std::uint32_t>(cpu));
    }
    return made;
}

// Commands that say where they may run, and end when they are told to.
class CommandAffinity : public ::testing::Test {
protected:
    void begin(const CpusForCommands& cpus) { harness_.emplace(1000, cpus); }

    Cpus start(const std::string& name, std::uint32_t cpus) {
        Resources resources;
        resources.cpus = cpus;
        const std::string says = (directory_.path() / (name + "-says")).string(),
                          go = (directory_.path() / (name + "-go")).string();
        for (const std::string& fifo : {says, go}) EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
        const auto job =
            harness_->job({{"shell", "grep Cpus_allowed_list /proc/self/status | cut -f 2 > {says}; read line < {go}"}},
                          {{"says", says}, {"go", go}}, resources);
        running_[name] = {harness_->start(job, static_cast<std::uint32_t>(running_.size())), go};
        return read_list(read_text(says));
    }
    void end(const std::string& name) {
        const auto& [ticket, go] = running_.at(name);
        std::ofstream(go) << "\n";
        EXPECT_TRUE(harness_->wait(ticket).succeeded);
    }

private:
    TemporaryDirectory directory_;
    std::optional<CommandHarness> harness_;
    std::map<std::string, std::pair<std::uint64_t, std::string>> running_;
};

TEST_F(CommandAffinity, IsAsManyCpusAsTheJobNeeds) {
    const Cpus own = own_cpus();
    begin({own, own, {}});
    EXPECT_EQ(start("simple", 1), own);
    if (own.size() > 2) {
        EXPECT_EQ(start("wide", 2), Cpus(own.begin(), own.begin() + 2));
        end("wide");
    }
    EXPECT_EQ(start("widest", static_cast<std::uint32_t>(own.size())), own);
    EXPECT_EQ(start("too wide", static_cast<std::uint32_t>(own.size()) + 1), own);
    for (const char* name : {"simple", "widest", "too wide"}) end(name);
}

TEST_F(CommandAffinity, OfOneIsNotThatOfAnotherWhileOthersAreFree) {
    const Cpus own = own_cpus();
    const Cpus both = own.size() == 1 ? own : Cpus{own.front(), own.back()};
    begin({{own.back()}, both, {}});
    EXPECT_EQ(start("first", 1), Cpus{own.back()});
    EXPECT_EQ(start("second", 1), Cpus{own.front()});
    EXPECT_EQ(start("third", 1), both);
    end("first");
    EXPECT_EQ(start("fourth", 1), Cpus{own.back()});
    for (const char* name : {"second", "third", "fourth"}) end(name);
}

}  // namespace
}  // namespace penstock::command_test
