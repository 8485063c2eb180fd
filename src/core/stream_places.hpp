// Which hosts have room for all jobs of a stream together.
//
// One after another is not enough: where small ones are spread evenly, a large one may find no host that is free for
// it, though there is a way to place them all. Here those that need most come first, each where it leaves the least,
// and what turns out not to lead anywhere is taken back.
#pragma once

#include "core/host_ledger.hpp"
#include "core/plan.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace penstock {

inline constexpr std::uint32_t kAnyHost = 0xffffffff;  // of jobs that need nothing

inline bool needs_nothing(const Resources& r) { return r.cpus == 0 && r.memory_bytes == 0 && r.named.empty(); }

// The host of each job; nothing when there is no way, or none was found in kMostPlacesTried steps more than there are
// jobs. The same ledger gives the same answer. `running_simple`: one-CPU jobs that run on a host; a host for which it
// says nothing takes no job.
inline constexpr std::size_t kMostPlacesTried = 2'000;
std::optional<std::vector<std::uint32_t>> hosts_for_stream(
    const Plan& plan, HostLedger hosts,
    const std::function<std::optional<std::uint32_t>(std::uint32_t)>& running_simple);

}  // namespace penstock
