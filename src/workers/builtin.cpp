#include "workers/builtin.hpp"

#include "workers/batch.hpp"
#include "workers/blocks.hpp"
#include "workers/command.hpp"
#include "workers/concat.hpp"
#include "workers/constant.hpp"
#include "workers/count.hpp"
#include "workers/crash.hpp"
#include "workers/fail.hpp"
#include "workers/files.hpp"
#include "workers/filter.hpp"
#include "workers/flatten.hpp"
#include "workers/lines.hpp"
#include "workers/maximum.hpp"
#include "workers/mean.hpp"
#include "workers/median.hpp"
#include "workers/minimum.hpp"
#include "workers/noop.hpp"
#include "workers/range.hpp"
#include "workers/records.hpp"
#include "workers/rows.hpp"
#include "workers/sample.hpp"
#include "workers/sleep.hpp"
#include "workers/sum.hpp"
#include "workers/to_files.hpp"
#include "workers/to_lines.hpp"

namespace penstock {

namespace {

// A fold that makes items on the way, and whose snapshots the engine may rely on: see StageJob::ask_fold().
template <class Running>
WorkerType running_worker_type() {
    WorkerType type = worker_type<Running>();
    type.snapshots = true;
    return type;
}

}  // namespace

WorkerTypes builtin_worker_types() {
    return {
        worker_type<Noop>(),
        worker_type<Sleep>(),
        worker_type<Constant>(),
        worker_type<Fail>(),
        worker_type<Crash>(),
        worker_type<Sum>(),
        worker_type<Mean>(),
        worker_type<Minimum>(),
        worker_type<Maximum>(),
        worker_type<Median>(),
        worker_type<Count>(),
        worker_type<Concat>(),
        command_worker_type(),
        // for stages of streams
        worker_type<Lines>(),
        worker_type<Records>(),
        worker_type<Blocks>(),
        worker_type<RangeSource>(),
        worker_type<Files>(),
        worker_type<Flatten>(),
        worker_type<CountItems>(),
        worker_type<Filter>(),
        running_worker_type<Batch>(),
        worker_type<ToLines>(),
        running_worker_type<ToFiles>(),
        sample_worker_type(),
        worker_type<Rows>(),
    };
}

}  // namespace penstock
