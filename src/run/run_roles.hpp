// Makes the roles of one rank, pumps them to the end, and ends them: the same for one process and for a launch.
#pragma once

#include "run/admission.hpp"
#include "run/clock.hpp"
#include "run/layout.hpp"
#include "run/run.hpp"
#include "run/transport.hpp"
#include "run/waker.hpp"

#include <memory>

namespace penstock {

struct RankContext {
    const LaunchLayout& layout;
    std::uint32_t rank = 0;
    const WorkerTypes& types;
    std::unique_ptr<Zygote> zygote;  // for the lanes of a broker; may be null
    RouterCalendar calendar;
    Waker::Word* doorbell = nullptr;  // where other ranks wake this one; null = they cannot
    Admission* admission = nullptr;   // what to listen to; null = there are no others
    bool launcher_ends_all = false;   // when one rank dies
};

// `observer` and `feeder` are used at rank 0 only.
RunSummary run_roles(RankContext context, const RunRequest& request, Transport& transport, RunObserver& observer,
                     const Feeder& feeder);

}  // namespace penstock
