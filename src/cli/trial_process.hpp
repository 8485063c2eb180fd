// A program that is started to see what becomes of it: in a process group of its own, with what it prints in a file.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class TrialProcess {
public:
    using Clock = std::chrono::steady_clock;

    // The launcher's variables of this process are kept from it. Throws std::runtime_error when it cannot be started.
    TrialProcess(const std::vector<std::string>& arguments, const std::filesystem::path& output);
    ~TrialProcess();  // kills the group
    TrialProcess(const TrialProcess&) = delete;
    TrialProcess& operator=(const TrialProcess&) = delete;

    void signal(int number) const;
    // The exit code, or 128 + the signal that ended it; nothing while it runs.
    std::optional<int> ended();
    // Looks until it is so, or the time is up; what it is then.
    bool wait_until(double patience_s, const std::function<bool()>& so) const;
    std::optional<int> wait(double patience_s);
    // The first line it printed that says something.
    std::string complaint() const;
    std::string printed() const;

private:
    std::filesystem::path output_;
    pid_t pid_ = -1;
    std::optional<int> status_;
};

}  // namespace penstock
