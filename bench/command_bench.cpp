// What the runner of commands costs beside the programs it runs: /bin/true through the runner, and through a bare loop
// of posix_spawn that captures both outputs and does nothing else, turn about. usage: command_bench [LIVE] [COMMANDS]
// [ROUNDS] Prints commands per second of both, round by round, and the median of the ratios.
#include "exec/external_runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>
#include <vector>

namespace {

using namespace penstock;

double seconds_of(const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// ---------------------------------------------------------------------------------------------- the floor

struct Child {
    pid_t pid = 0;
    int outputs[2] = {-1, -1};
};

Child start_child() {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::exit(1);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    char program[] = "/bin/true";
    char* const arguments[] = {program, nullptr};
    Child child;
    if (::posix_spawn(&child.pid, program, &actions, nullptr, arguments, ::environ) != 0) std::exit(1);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
    child.outputs[0] = out[0];
    child.outputs[1] = err[0];
    return child;
}

// Reads what is there; true when both outputs have ended and the child is waited for.
bool serve_child(Child& child, const pollfd* ready) {
    char buffer[4096];
    for (int i = 0; i < 2; ++i) {
        if (child.outputs[i] < 0 || ready[i].revents == 0 || ::read(child.outputs[i], buffer, sizeof buffer) > 0)
            continue;
        ::close(std::exchange(child.outputs[i], -1));
    }
    if (child.outputs[0] >= 0 || child.outputs[1] >= 0) return false;
    ::waitpid(child.pid, nullptr, 0);
    return true;
}

void run_bare(std::size_t live, int commands) {
    std::vector<Child> running;
    std::vector<pollfd> watched;
    for (int started = 0, done = 0; done < commands;) {
        for (; running.size() < live && started < commands; ++started) running.push_back(start_child());
        watched.clear();
        for (const Child& child : running) {
            for (const int output : child.outputs) watched.push_back({output, POLLIN, 0});
        }
        ::poll(watched.data(), watched.size(), -1);
        for (std::size_t i = running.size(); i-- > 0;) {
            if (!serve_child(running[i], &watched[2 * i])) continue;
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
            ++done;
        }
    }
}

// ---------------------------------------------------------------------------------------------- the runner

std::shared_ptr<const PipelineContext> pipeline_of_true() {
    auto plan = std::make_shared<Plan>();
    plan->name = "bench";
    JobTemplate& job = plan->templates.emplace_back();
    job.name = "true";
    job.worker = "command";
    job.with = {{"argv", List{"/bin/true"}}};
    return std::make_shared<PipelineContext>(PipelineContext{plan, {}});
}

void run_with_runner(std::uint32_t live, int commands, const std::shared_ptr<const PipelineContext>& pipeline) {
    std::unique_ptr<ExternalRunner> runner;
    std::promise<void> all_done;
    std::atomic<int> started = 0;
    int done = 0;
    auto start_next = [&](std::uint32_t lane) {
        const int number = ++started;
        if (number > commands) return;
        Ticket ticket;
        ticket.id = static_cast<std::uint64_t>(number);
        ticket.pipeline = pipeline;
        ticket.job = pipeline->plan->templates.data();
        runner->start(lane, std::move(ticket));
    };
    LaneOptions options;
    options.lanes = live;
    options.scratch_root = std::filesystem::temp_directory_path() / "penstock-command-bench";  // nothing is made there
    runner = make_external_runner(options, [&](Outcome outcome) {
        if (!outcome.succeeded) std::exit(1);
        if (++done == commands) all_done.set_value();
        start_next(outcome.lane);
    });
    for (std::uint32_t lane = 0; lane < live; ++lane) start_next(lane);
    all_done.get_future().wait();
    runner->stop();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
    const int live = argc > 1 ? std::atoi(argv[1]) : 2;
    const int commands = argc > 2 ? std::atoi(argv[2]) : 3000;
    const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;
    if (live < 1 || commands < 1 || rounds < 1) {
        std::fprintf(stderr, "usage: command_bench [LIVE] [COMMANDS] [ROUNDS]\n");
        return 2;
    }
    const auto pipeline = pipeline_of_true();
    std::vector<double> bare_rates, runner_rates, ratios;
    for (int round = 0; round < rounds; ++round) {
        // Whoever comes second meets a warmer machine: take turns at that too.
        double bare = 0, ours = 0;
        for (const bool bare_now : {round % 2 == 0, round % 2 != 0}) {
            if (bare_now)
                bare = commands / seconds_of([&] { run_bare(static_cast<std::size_t>(live), commands); });
            else
                ours = commands /
                       seconds_of([&] { run_with_runner(static_cast<std::uint32_t>(live), commands, pipeline); });
        }
        std::printf("round %d: bare %.0f/s, runner %.0f/s, ratio %.3f\n", round + 1, bare, ours, ours / bare);
        bare_rates.push_back(bare);
        runner_rates.push_back(ours);
        ratios.push_back(ours / bare);
    }
    std::printf("%d live, medians: bare %.0f commands/s, runner %.0f commands/s, ratio %.3f (goal 0.90)\n", live,
                median(bare_rates), median(runner_rates), median(ratios));
    return 0;
}
