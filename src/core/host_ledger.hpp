// What the jobs on each host use, against what the host has.
//
// Jobs of one CPU and nothing else are counted by the slots of their broker. Every other job is `reserved`: its CPUs,
// memory and named resources are taken from the host before it is sent and given back when it ends, over all brokers of
// the host. Named resources are of the whole run, whatever the host (a licence server does not care where a job is).
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct HostDescription {
    std::string name;
    std::uint32_t cpus = 1;
    std::uint64_t memory_bytes = 0;  // 0 = unknown: memory is not accounted
};

class HostLedger {
public:
    HostLedger() = default;
    HostLedger(std::vector<HostDescription> hosts, std::map<std::string, std::uint64_t> named);

    // What is short at present; the first of these when several are.
    enum class Fit { now, later_named, later_memory, later_cpus };
    // `running_simple`: one-CPU jobs now on that host.
    Fit fits(std::uint32_t host, const Resources& wanted, std::uint32_t running_simple) const;
    // Whether the host could hold it if nothing else ran.
    bool could_hold(std::uint32_t host, const Resources& wanted) const;
    // The named resources of which less than wanted is left.
    std::vector<std::string> used_up(const Resources& wanted) const;
    void reserve(std::uint32_t host, const Resources& wanted);
    void release(std::uint32_t host, const Resources& wanted);

    std::uint32_t reserved_cpus(std::uint32_t host) const { return used_[host].cpus; }
    std::uint64_t reserved_memory(std::uint32_t host) const { return used_[host].memory_bytes; }
    const HostDescription& host(std::uint32_t i) const { return hosts_[i]; }
    std::uint32_t hosts() const { return static_cast<std::uint32_t>(hosts_.size()); }

    // Why a job could never run on any host, or nothing when it can.
    std::optional<std::string> impossible(const Resources& wanted) const;

private:
    bool is_left(const std::string& name, std::uint64_t amount) const;
    struct Used {
        std::uint32_t cpus = 0;
        std::uint64_t memory_bytes = 0;
    };
    std::vector<HostDescription> hosts_;
    std::vector<Used> used_;
    std::map<std::string, std::uint64_t> named_;
    std::map<std::string, std::uint64_t> named_used_;
};

}  // namespace penstock
