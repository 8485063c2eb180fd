// The floor of running commands: a loop that keeps N children of posix_spawn going, captures both of their outputs
// through pipes, and does nothing else. usage: spawn_floor [CHILDREN] [COMMANDS] Prints commands per second.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace {

struct Child {
    pid_t pid = 0;
    int outputs[2] = {-1, -1};
    int open = 0;
};

Child start() {
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) std::exit(1);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    char program[] = "/bin/true";
    char* argv[] = {program, nullptr};
    Child child;
    if (posix_spawn(&child.pid, program, &actions, nullptr, argv, environ) != 0) std::exit(1);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    child.outputs[0] = out[0];
    child.outputs[1] = err[0];
    child.open = 2;
    return child;
}

// Reads what is there; true when both outputs have ended and the child is reaped.
bool serve(Child& child, const pollfd* ready) {
    char buffer[4096];
    for (int i = 0; i < 2; ++i) {
        if (child.outputs[i] < 0 || ready[i].revents == 0) continue;
        if (read(child.outputs[i], buffer, sizeof buffer) > 0) continue;
        close(child.outputs[i]);
        child.outputs[i] = -1;
        --child.open;
    }
    if (child.open != 0) return false;
    waitpid(child.pid, nullptr, 0);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const auto children = static_cast<std::size_t>(argc > 1 ? std::atoi(argv[1]) : 2);
    const int commands = argc > 2 ? std::atoi(argv[2]) : 5000;
    const auto begin = std::chrono::steady_clock::now();
    std::vector<Child> running;
    int started = 0, done = 0;
    while (done < commands) {
        while (running.size() < children && started < commands) {
            running.push_back(start());
            ++started;
        }
        std::vector<pollfd> watched;
        for (const Child& c : running)
            for (int fd : c.outputs) watched.push_back({fd, POLLIN, 0});
        poll(watched.data(), watched.size(), -1);
        for (std::size_t i = running.size(); i-- > 0;) {
            if (!serve(running[i], &watched[2 * i])) continue;
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
            ++done;
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.0f commands/s\n", commands / took.count());
}
