#include "cli/fit.hpp"

#include "core/stage_counts.hpp"
#include "core/stream_places.hpp"
#include "language/diagnostic.hpp"
#include "report/text.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::uint64_t kMiB = 1u << 20;

// What a single job needs at most, over all jobs of the plans.
Resources largest(const std::vector<std::shared_ptr<const Plan>>& plans) {
    Resources most;
    for (const auto& plan : plans) {
        for (const JobTemplate& job : plan->templates) {
            most.cpus = std::max(most.cpus, job.resources.cpus);
            most.memory_bytes = std::max(most.memory_bytes, job.resources.memory_bytes);
            for (const auto& [name, amount] : job.resources.named)
                most.named[name] = std::max(most.named[name], amount);
        }
    }
    return most;
}

}  // namespace

std::vector<std::string> jobs_that_fit_nowhere(const Plan& plan, const HostLedger& hosts) {
    std::vector<std::string> problems;
    for (const JobTemplate& job : plan.templates) {
        if (job.resources.simple() || job.count == 0) continue;
        const auto reason = hosts.impossible(job.resources);
        if (reason) problems.push_back(plan.name + "/" + job.name + " cannot run in this launch: " + *reason);
    }
    return problems;
}

// When nothing else runs. The router finds the same places then.
std::optional<std::string> stream_that_never_fits(const Plan& plan, const HostLedger& hosts) {
    const auto idle = [](std::uint32_t) { return std::optional(0u); };
    if (!plan.is_stream() || hosts_for_stream(plan, hosts, idle)) return std::nullopt;
    std::uint64_t cpus = 0, there = 0;
    std::string needs_most;
    std::uint32_t most = 0;
    for (const JobTemplate& job : plan.templates) {
        cpus += std::uint64_t{job.resources.cpus} * job.count;
        if (!needs_most.empty() && job.resources.cpus <= most) continue;
        needs_most = job.name;
        most = job.resources.cpus;
    }
    for (std::uint32_t host = 0; host < hosts.hosts(); ++host) there += hosts.host(host).cpus;
    return plan.name + " cannot run in this launch: all workers of a stream run at once, and there is no room for " +
           (plan.templates.size() > 1 ? needs_most + " beside the others" : needs_most) + "; together they hold " +
           counted(cpus, "CPU") + ", and there are " + count_text(there) +
           ". Give its stages fewer `workers` or `cpus`, or start it on more hosts";
}

std::optional<TimeShared> time_shared(const Plan& plan, const Launch& launch) {
    if (!plan.is_stream()) return std::nullopt;
    TimeShared shared;
    std::uint64_t held = 0;
    for (const JobTemplate& job : plan.templates) {
        held += std::uint64_t{job.resources.cpus} * job.count;
        if (job.resources.cpus != 0 || is_added_stage(job.name)) continue;
        shared.stages.push_back(job.name);
        shared.workers += job.count;
    }
    for (const Launch::Host& host : launch.hosts) shared.slots += host.slots;
    shared.slots -= std::min(shared.slots, held);
    return shared.workers > shared.slots ? std::optional(shared) : std::nullopt;
}

std::string time_shared_text(const Plan& plan, const TimeShared& shared) {
    constexpr std::size_t kShown = 5;
    const std::vector<std::string_view> names(shared.stages.begin(), shared.stages.end());
    return "stream " + plan.name + ": the " + counted(shared.workers, "worker") + " of " + enumerate(names, kShown) +
           (shared.workers == 1 ? " shares " : " share ") + counted(shared.slots, "slot") +
           ", since these stages have no `cpus`";
}

std::optional<std::string> unused_cpus(const Launch& launch) {
    const auto is_bound = [](const Launch::Host& host) { return host.unused_cpus > 0; };
    const auto first = std::find_if(launch.hosts.begin(), launch.hosts.end(), is_bound);
    if (first == launch.hosts.end()) return std::nullopt;
    const auto hosts = std::count_if(launch.hosts.begin(), launch.hosts.end(), is_bound);
    const std::uint32_t all = first->bound_cpus + first->unused_cpus;
    return "the launcher has bound the ranks on " + printable(first->name) + " to " +
           std::to_string(first->bound_cpus) + " of its " + std::to_string(all) + " CPUs" +
           (hosts > 1 ? ", and those on " + counted(static_cast<std::uint64_t>(hosts - 1), "other host") + " likewise"
                      : "") +
           "; jobs run on no others. To use all: mpirun --bind-to none, srun --cpu-bind=none";
}

HostLedger hosts_of(const Launch& launch, const std::map<std::string, std::uint64_t>& resources) {
    std::vector<HostDescription> hosts;
    for (const Launch::Host& host : launch.hosts) hosts.push_back({host.name, host.cpus, host.memory_bytes});
    return HostLedger(std::move(hosts), resources);
}

std::string launch_line(const std::vector<std::shared_ptr<const Plan>>& plans, const Launch& launch,
                        const std::vector<std::string>& command_line,
                        const std::map<std::string, std::uint64_t>& resources) {
    const Resources needed = largest(plans);
    std::uint64_t cpus = 0;
    std::uint64_t memory = 0;
    bool unknown_memory = false;
    for (const Launch::Host& host : launch.hosts) {
        cpus = std::max<std::uint64_t>(cpus, host.cpus);
        memory = std::max(memory, host.memory_bytes);
        unknown_memory = unknown_memory || host.memory_bytes == 0;
    }
    std::string line;
    const bool more_cpus = needed.cpus > cpus;
    const bool more_memory = needed.memory_bytes > memory && !unknown_memory;
    if (more_cpus || more_memory) {
        line = "srun -n " + std::to_string(std::max(launch.ranks, 3u));
        if (more_cpus) line += " --cpus-per-task=" + std::to_string(needed.cpus);
        if (more_memory) line += " --mem=" + std::to_string((needed.memory_bytes + kMiB - 1) / kMiB) + "M";
        line += " ";
    }
    for (const std::string& word : command_line)
        line += (&word == &command_line.front() ? "" : " ") + shell_quoted(word);
    for (const auto& [name, amount] : needed.named) {
        const auto given = resources.find(name);
        if (given == resources.end() || given->second < amount) {
            line += " --resources " + shell_quoted(name + "=" + std::to_string(amount));
        }
    }
    return line;
}

}  // namespace penstock
