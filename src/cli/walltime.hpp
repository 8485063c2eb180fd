// When the allocation ends, as far as somebody says so.
#pragma once

#include "core/ids.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct WalltimeChoice {
    std::string walltime;          // as typed: a time, "none", or "" = what the scheduler says
    std::optional<double> time_s;  // of it
    std::optional<double> margin_s;
};

// What of the environment it depends on; tests have their own.
struct SchedulerView {
    std::function<std::optional<std::string>(const char* name)> variable;
    // Standard output of the program; nothing when it cannot be run, fails, or takes longer than some seconds.
    std::function<std::optional<std::string>(const std::vector<std::string>& argv)> output_of;
    std::int64_t epoch_s = 0;  // now
};
SchedulerView this_scheduler();

struct Walltime {
    double seconds = 0;   // from now on, until jobs are ended: the margin is taken off
    double margin_s = 0;  // for what follows: making results durable, collecting them
    std::string source;   // "--walltime", "the end of Slurm job 17"
    std::string end_text() const { return source == "--walltime" ? "the end of --walltime" : source; }
};

inline constexpr double kLeastMargin_s = 2;
inline constexpr double kUsualMargin_s = 60;
inline constexpr double kMarginShare = 0.05;  // of what is left, when that is less

// Nothing: no end is known. A time that is less than the margin ends at once.
std::optional<Walltime> walltime_of(const WalltimeChoice& choice, const SchedulerView& scheduler);

}  // namespace penstock
