#include "workers/builtin.hpp"

#include "workers/command.hpp"
#include "workers/concat.hpp"
#include "workers/constant.hpp"
#include "workers/count.hpp"
#include "workers/crash.hpp"
#include "workers/fail.hpp"
#include "workers/maximum.hpp"
#include "workers/mean.hpp"
#include "workers/median.hpp"
#include "workers/minimum.hpp"
#include "workers/noop.hpp"
#include "workers/sleep.hpp"
#include "workers/sum.hpp"

namespace penstock {

WorkerTypes builtin_worker_types() {
    return {
        worker_type<Noop>(),    worker_type<Sleep>(),  worker_type<Constant>(), worker_type<Fail>(),
        worker_type<Crash>(),   worker_type<Sum>(),    worker_type<Mean>(),     worker_type<Minimum>(),
        worker_type<Maximum>(), worker_type<Median>(), worker_type<Count>(),    worker_type<Concat>(),
        command_worker_type(),
    };
}

}  // namespace penstock
