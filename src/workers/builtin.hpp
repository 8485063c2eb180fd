// The worker types that every penstock program has, beside its own. README's table says what each one does.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

WorkerTypes builtin_worker_types();

}  // namespace penstock
