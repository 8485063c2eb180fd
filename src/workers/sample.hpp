// `sample`: passes an item on only while fewer than `limit` of its items are on their way behind it, up to the end of
// its branch; drops it otherwise. So what is slow gets as much as it can handle, and what comes before it never waits.
//
// `until` names the stage the branch ends with; without it, it ends with each stage that takes its items. With
// `keep-latest` stages outside of the branch get every item, as a list of the item and the latest result of the branch
// (null: none yet).
//
// The engine does it (core/stage.hpp, Role::sample): no worker could count what is on its way.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

WorkerType sample_worker_type();

}  // namespace penstock
