#include "core/host_ledger.hpp"

#include <algorithm>

namespace penstock {

HostLedger::HostLedger(std::vector<HostDescription> hosts, std::map<std::string, std::uint64_t> named)
    : hosts_(std::move(hosts)), used_(hosts_.size()), named_(std::move(named)) {}

HostLedger::Fit HostLedger::fits(std::uint32_t host, const Resources& wanted, std::uint32_t running_simple) const {
    const HostDescription& has = hosts_[host];
    const Used& used = used_[host];
    for (const auto& [name, amount] : wanted.named)
        if (!is_left(name, amount)) return Fit::later_named;
    if (has.memory_bytes != 0 && used.memory_bytes + wanted.memory_bytes > has.memory_bytes) return Fit::later_memory;
    return used.cpus + running_simple + wanted.cpus <= has.cpus ? Fit::now : Fit::later_cpus;
}

bool HostLedger::is_left(const std::string& name, std::uint64_t amount) const {
    const auto limit = named_.find(name);
    const auto taken = named_used_.find(name);
    const std::uint64_t now = taken == named_used_.end() ? 0 : taken->second;
    return limit != named_.end() && now + amount <= limit->second;
}

std::vector<std::string> HostLedger::used_up(const Resources& wanted) const {
    std::vector<std::string> names;
    for (const auto& [name, amount] : wanted.named)
        if (!is_left(name, amount)) names.push_back(name);
    return names;
}

bool HostLedger::could_hold(std::uint32_t host, const Resources& wanted) const {
    const HostDescription& has = hosts_[host];
    return wanted.cpus <= has.cpus && (has.memory_bytes == 0 || wanted.memory_bytes <= has.memory_bytes);
}

void HostLedger::reserve(std::uint32_t host, const Resources& wanted) {
    used_[host].cpus += wanted.cpus;
    used_[host].memory_bytes += wanted.memory_bytes;
    for (const auto& [name, amount] : wanted.named) named_used_[name] += amount;
}

void HostLedger::release(std::uint32_t host, const Resources& wanted) {
    used_[host].cpus -= wanted.cpus;
    used_[host].memory_bytes -= wanted.memory_bytes;
    for (const auto& [name, amount] : wanted.named) named_used_[name] -= amount;
}

std::optional<std::string> HostLedger::impossible(const Resources& wanted) const {
    std::uint32_t cpus = 0;
    std::uint64_t memory = 0;
    bool fits_one = false;
    for (std::uint32_t i = 0; i < hosts(); ++i) {
        cpus = std::max(cpus, hosts_[i].cpus);
        memory = std::max(memory, hosts_[i].memory_bytes);
        fits_one = fits_one || could_hold(i, wanted);
    }
    for (const auto& [name, amount] : wanted.named) {
        const auto limit = named_.find(name);
        if (limit == named_.end())
            return "it needs the resource `" + name + "`, which this run does not have; give --resources " + name +
                   "=" + std::to_string(amount) + " or more";
        if (amount > limit->second)
            return "it needs " + std::to_string(amount) + " of the resource `" + name + "` and the run has " +
                   std::to_string(limit->second) + "; give --resources " + name + "=" + std::to_string(amount) +
                   " or more";
    }
    if (fits_one) return std::nullopt;
    if (wanted.cpus > cpus)
        return "it needs " + std::to_string(wanted.cpus) + " CPUs on one host and the largest host has " +
               std::to_string(cpus) + "; launch on larger hosts, or give each broker more with --slots " +
               std::to_string(wanted.cpus);
    const std::string bytes = std::to_string(wanted.memory_bytes) + " bytes of memory on one host";
    if (wanted.memory_bytes > memory)
        return "it needs " + bytes + " and the largest has " + std::to_string(memory) +
               "; launch on hosts with more memory, or lower `memory:`";
    return "it needs " + std::to_string(wanted.cpus) + " CPUs and " + bytes +
           " and no host has both; launch on larger hosts, or lower `cpus:` or `memory:`";
}

}  // namespace penstock
