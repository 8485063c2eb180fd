#include "run/layout.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <sched.h>
#include <unistd.h>

namespace penstock {

namespace {

std::vector<std::uint32_t> cpus_of_this_thread() {
    std::vector<std::uint32_t> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

// Those of the cpuset that a batch system or a container gave: the kernel takes only these of all that are asked for.
std::uint32_t cpus_without_binding() {
    std::size_t cpus = 0;
    std::thread([&] {
        cpu_set_t all;
        std::memset(&all, 0xff, sizeof all);
        if (sched_setaffinity(0, sizeof all, &all) == 0) cpus = cpus_of_this_thread().size();
    }).join();
    return static_cast<std::uint32_t>(cpus);
}

}  // namespace

RankFacts facts_of_this_process() {
    RankFacts f;
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    f.host = name;
    f.pid = static_cast<std::uint32_t>(getpid());
    std::error_code unknown;
    f.processes = f.host + " " + std::filesystem::read_symlink("/proc/self/ns/pid", unknown).string();
    if (std::ifstream boot("/proc/sys/kernel/random/boot_id"); boot) {
        std::string id;
        boot >> id;
        f.processes += " " + id;
    }
    f.cpus = cpus_of_this_thread();
    if (f.cpus.empty()) f.cpus.push_back(0);
    f.all_cpus = cpus_without_binding();
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) f.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
    return f;
}

bool LaunchLayout::is_pipeliner(std::uint32_t rank) const {
    return std::find(pipeliners.begin(), pipeliners.end(), rank) != pipeliners.end();
}

const BrokerDescription* LaunchLayout::broker(std::uint32_t rank) const {
    const auto at = std::find_if(brokers.begin(), brokers.end(), [&](const auto& b) { return b.rank == rank; });
    return at == brokers.end() ? nullptr : &*at;
}

std::uint32_t LaunchLayout::brokers_on(std::uint32_t host) const {
    return static_cast<std::uint32_t>(
        std::count_if(brokers.begin(), brokers.end(), [&](const auto& b) { return b.host == host; }));
}

bool LaunchLayout::may_spin(std::uint32_t rank) const {
    const std::string& host = host_of_rank[rank];
    std::uint32_t busy = 0;
    for (std::uint32_t r = 0; r < host_of_rank.size(); ++r) {
        if (host_of_rank[r] != host) continue;
        const BrokerDescription* b = broker(r);
        busy += 1 + (b != nullptr ? b->slots : 0);
    }
    return busy <= cpus_of_host.at(host);
}

namespace {

void count_cpus(LaunchLayout& layout, const std::vector<RankFacts>& facts) {
    std::map<std::string, std::set<std::uint32_t>> cpus;
    for (const RankFacts& f : facts) {
        layout.host_of_rank.push_back(f.host);
        cpus[f.host].insert(f.cpus.begin(), f.cpus.end());
    }
    for (const auto& [host, set] : cpus) layout.cpus_of_host[host] = static_cast<std::uint32_t>(set.size());
    if (facts.size() == 1) return;  // no launcher: whoever bound this process meant it
    for (Launch::Host& host : layout.launch.hosts) {
        std::uint32_t all = 0;
        for (const RankFacts& f : facts)
            if (f.host == host.name) all = std::max(all, f.all_cpus);
        host.bound_cpus = layout.cpus_of_host[host.name];
        host.unused_cpus = all - std::min(all, host.bound_cpus);
    }
}

void assign_roles(LaunchLayout& layout, std::uint32_t ranks, std::uint32_t pipeliners) {
    if (ranks <= 2) {
        layout.pipeliners = {0};
        layout.brokers.push_back({ranks - 1, 0, 1});
        return;
    }
    const std::uint32_t p = std::clamp<std::uint32_t>(pipeliners, 1, ranks - 2);
    for (std::uint32_t r = 1; r <= p; ++r) layout.pipeliners.push_back(r);
    for (std::uint32_t r = p + 1; r < ranks; ++r) layout.brokers.push_back({r, 0, 1});
}

void share_cpus(LaunchLayout& layout, const std::vector<RankFacts>& facts, std::optional<std::uint32_t> slots) {
    std::map<std::string, std::vector<BrokerDescription*>> by_host;
    for (BrokerDescription& b : layout.brokers) by_host[facts[b.rank].host].push_back(&b);
    for (auto& [name, brokers] : by_host) {
        std::set<std::uint32_t> cpus;
        for (const BrokerDescription* b : brokers) cpus.insert(facts[b->rank].cpus.begin(), facts[b->rank].cpus.end());
        const auto n = static_cast<std::uint32_t>(brokers.size());
        const auto available = static_cast<std::uint32_t>(cpus.size());
        const auto host = static_cast<std::uint32_t>(layout.hosts.size());
        std::uint32_t total = 0;
        for (std::uint32_t i = 0; i < n; ++i) {
            const std::uint32_t fair = available / n + (i < available % n ? 1 : 0);
            brokers[i]->slots = slots.value_or(std::max<std::uint32_t>(1, fair));
            brokers[i]->host = host;
            total += brokers[i]->slots;
        }
        const std::uint32_t capacity = slots ? total : std::max(available, total);
        layout.broker_cpus.emplace_back(cpus.begin(), cpus.end());
        layout.hosts.push_back({name, capacity, facts[brokers.front()->rank].memory_bytes});
        layout.launch.hosts.push_back({name, capacity, layout.hosts.back().memory_bytes, total});
    }
}

}  // namespace

LaunchLayout lay_out(const std::vector<RankFacts>& facts, std::uint32_t rank, std::uint32_t pipeliners,
                     std::optional<std::uint32_t> slots) {
    LaunchLayout layout;
    const auto ranks = static_cast<std::uint32_t>(facts.size());
    layout.launch.ranks = ranks;
    layout.launch.rank = rank;
    assign_roles(layout, ranks, pipeliners);
    share_cpus(layout, facts, slots);
    count_cpus(layout, facts);
    for (std::uint32_t r = 0; r < ranks; ++r) {
        RoleLine line{r, r == 0 ? "router" : "", facts[r].host, facts[r].pid, 0};
        if (layout.is_pipeliner(r)) line.role += line.role.empty() ? "pipeliner" : "+pipeliner";
        if (const BrokerDescription* b = layout.broker(r)) {
            line.role += line.role.empty() ? "broker" : "+broker";
            line.slots = b->slots;
        }
        layout.launch.roles.push_back(std::move(line));
        if (r != rank) layout.peers.push_back({r, facts[r].processes == facts[rank].processes ? facts[r].pid : 0});
    }
    return layout;
}

}  // namespace penstock
