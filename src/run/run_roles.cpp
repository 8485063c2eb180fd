#include "run/run_roles.hpp"

#include "core/pipeliner.hpp"
#include "exec/command_cpus.hpp"
#include "run/broker_node.hpp"
#include "run/pump.hpp"
#include "run/router_node.hpp"
#include "run/signals.hpp"

#include <malloc.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace penstock {

namespace {

// Of the host's memory, what all its brokers together keep of outputs before they spill.
constexpr std::uint64_t kCacheShare = 4;
constexpr std::uint64_t kLeastCache = 64ull << 20;
// The router's own records (skipped jobs, pipelines) are segments of epoch 0; brokers' epochs start at 1.
constexpr std::uint32_t kRouterEpoch = 0;
constexpr std::uint32_t kFirstBrokerEpoch = 1;
// How much address space each arena of malloc takes at once. With the default of 128 KiB, lanes and writer change the
// process's mappings thousands of times a second and wait for one another at its one lock: storing arrays of 800 bytes
// is a quarter faster like this (bench/figures.py results). What is not touched is not resident.
constexpr int kArenaStep = 16 << 20;
// What is smaller is not given back to the system each time it is freed. Left alone malloc learns this; with a step of
// its own it does not, and had every value of 128 KiB or more mapped and faulted in anew: half of the time of items of
// 1 MiB.
constexpr int kLeastMapped = 4 << 20;

std::unique_ptr<RecordWriter> make_writer(const RankContext& context, const RunRequest& request, std::uint32_t epoch,
                                          Waker& waker) {
    WriterOptions options;
    options.run_directory = request.run_directory;
    options.incarnation = request.incarnation;
    options.rank = context.rank;
    options.epoch = epoch;
    options.wake = [&waker] { waker.wake(); };
    if (epoch != kRouterEpoch && !request.store.empty() && request.make_store)
        options.values = request.make_store(request.store);
    return make_record_writer(std::move(options));
}

// What the lanes ask for keys that only a user's Store gives: an object of its own, made when it is first asked, for
// one lane at a time.
class StoreReader {
public:
    explicit StoreReader(const RunRequest& request) : make_(request.make_store), spec_(request.store) {}

    Document retrieve(const Ticket& ticket, const std::vector<std::string>& keys) {
        const PipelineContext& pipeline = *ticket.pipeline;
        const std::scoped_lock lock(mutex_);
        if (!store_) store_ = make_(spec_);
        return store_->retrieve({pipeline.plan->name, pipeline.info.instance, "", ""}, keys);
    }

private:
    std::function<std::unique_ptr<Store>(const std::string& spec)> make_;
    std::string spec_;
    std::mutex mutex_;
    std::unique_ptr<Store> store_;
};

std::unique_ptr<BrokerNode> make_broker(RankContext& context, const RunRequest& request, Waker& waker,
                                        const StopSignals& signals) {
    const BrokerDescription& me = *context.layout.broker(context.rank);
    LaneOptions lanes;
    lanes.lanes = me.slots;
    lanes.scratch_root = request.run_directory / "scratch";
    lanes.log_directory = request.run_directory / "logs";
    lanes.launch_directory = std::filesystem::current_path();
    lanes.cpus = {facts_of_this_process().cpus, context.layout.broker_cpus[me.host], cpu_lock_file()};
    lanes.wake = [&waker] { waker.wake(); };
    if (!request.store.empty() && request.make_store)
        lanes.retrieve = [reader = std::make_shared<StoreReader>(request)](const Ticket& ticket, const auto& keys) {
            return reader->retrieve(ticket, keys);
        };

    BrokerNodeOptions options;
    options.rank = context.rank;
    options.slots = me.slots;
    options.crash_limit = request.crash_limit;
    options.user_store = !request.store.empty() && request.make_store;
    options.run_directory = request.run_directory;
    options.calendar = context.calendar;
    options.wake = [&waker] { waker.wake(); };
    options.signal_at = &signals.last_at();
    const std::uint64_t memory = context.layout.hosts[me.host].memory_bytes;
    if (memory != 0)
        options.cache_bytes = std::max(kLeastCache, memory / kCacheShare / context.layout.brokers_on(me.host));
    auto made = make_lanes(context.types, std::move(context.zygote), std::move(lanes));
    return std::make_unique<BrokerNode>(std::move(options), std::move(made),
                                        make_writer(context, request, kFirstBrokerEpoch, waker));
}

std::unique_ptr<RouterNode> make_router(const RankContext& context, const RunRequest& request, RunObserver& observer,
                                        Waker& waker) {
    RouterOptions options;
    options.pipeliners = context.layout.pipeliners;
    options.brokers = context.layout.brokers;
    options.hosts = HostLedger(context.layout.hosts, request.resources);
    options.fail_fast = request.fail_fast;
    options.retry_delay = static_cast<Nanoseconds>(request.retry_delay_s * 1e9);
    options.ends_at = request.ends_at;
    options.crash_limit = request.crash_limit;
    options.spare_pipeliner = 0;
    options.marks_streams = request.store.empty();
    RouterNode::Options more;
    more.host_of_rank = context.layout.host_of_rank;
    more.launcher_ends_all = context.launcher_ends_all;
    more.recovery.run_directory = request.run_directory;
    more.recovery.values_elsewhere = !request.store.empty();
    more.recovery.fence = [fence = request.fence](std::uint32_t rank) {
        if (fence) fence(rank, kFirstBrokerEpoch);
    };
    more.ends_by = request.ends_by;
    more.incarnation = request.incarnation;
    return std::make_unique<RouterNode>(std::move(options), std::move(more),
                                        make_writer(context, request, kRouterEpoch, waker), observer, waker);
}

// The driver function or the list of submissions, on a thread of its own beside the router.
class FeederThread {
public:
    FeederThread(RouterNode& router, const Feeder& feeder)
        : thread_([this, &router, &feeder] {
              try {
                  feeder(router);
              } catch (const FeedStopped&) {
                  // The run ended early; the feeder had nothing of its own to say about it.
              } catch (...) {
                  error_ = std::current_exception();
              }
              router.close();
          }) {}
    ~FeederThread() {
        if (thread_.joinable()) thread_.join();
    }
    void join() {
        thread_.join();
        if (error_) std::rethrow_exception(error_);
    }

private:
    std::exception_ptr error_;
    std::thread thread_;
};

}  // namespace

RunSummary run_roles(RankContext context, const RunRequest& request, Transport& transport, RunObserver& observer,
                     const Feeder& feeder) {
    mallopt(M_TOP_PAD, kArenaStep);
    mallopt(M_MMAP_THRESHOLD, kLeastMapped);
    Waker waker(context.doorbell);
    const bool router_here = context.rank == 0;
    const StopSignals signals(router_here);
    std::unique_ptr<RouterNode> router;
    std::unique_ptr<BrokerNode> broker;
    std::unique_ptr<Pipeliner> pipeliner;
    // The broker first: its lanes may still have to fork.
    if (context.layout.broker(context.rank) != nullptr) broker = make_broker(context, request, waker, signals);
    // Rank 0 is spare when all others are lost.
    if (context.layout.is_pipeliner(context.rank) || router_here) pipeliner = std::make_unique<Pipeliner>();
    if (router_here) router = make_router(context, request, observer, waker);

    PumpOptions options;
    options.may_spin = context.layout.may_spin(context.rank);
    options.peers = context.layout.peers;
    options.rank_timeout = static_cast<Nanoseconds>(request.broker_timeout_s * 1e9);
    Pump pump(context.rank, {router.get(), pipeliner.get(), broker.get()}, transport, waker, signals.received(),
              options);
    if (context.admission != nullptr) pump.listen_by(*context.admission);
    if (!router_here) {
        RunSummary nothing;
        nothing.degraded = !pump.run();
        return nothing;
    }
    FeederThread feeding(*router, feeder);
    const bool whole = pump.run();
    RunSummary summary = router->summary();
    summary.degraded = !whole;
    feeding.join();
    return summary;
}

}  // namespace penstock
