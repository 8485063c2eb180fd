// The outputs of jobs at a simulated broker: the real cache and the real exchange of values between brokers, with
// outputs that say of which job and attempt they are, so that a job can be seen to get the right ones.
#pragma once

#include "run/value_exchange.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace penstock::sim {

class SimValues {
public:
    SimValues(World& world, std::uint32_t rank, std::function<void()> wake);

    void keep(const JobRef& job, std::uint32_t attempt);
    void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner, Outbox& out);
    template <class M>
    void on(const M& m, std::uint32_t from, Outbox& out) requires requires(ValueExchange& exchange) {
        exchange.on(m, from, out);
    }
    {
        exchange_.on(m, from, out);
        ask_files();
    }
    // Once a fault has done what it does with the message.
    void forget_what_was_asked(const msg::Fetch& m);
    // Takes up what has been read from files.
    void turn(Outbox& out);

    std::vector<std::uint64_t> take_arrived();
    // Of a job that starts, for put_back(); checkers are told what it has got.
    std::unique_ptr<FetchedInputs> take(const JobStart& job);
    void put_back(std::uint64_t ticket, std::unique_ptr<FetchedInputs> inputs);
    void forget_inputs(std::uint64_t ticket) { exchange_.forget_inputs(ticket); }

    bool has(const JobRef& job) { return cache_.find(job.pipeline, JobIndex(job.job)) != nullptr; }
    void release(const JobRun& jobs) { cache_.release(jobs); }
    std::vector<JobRun> held(PipelineId pipeline) const { return cache_.jobs_of(pipeline); }
    void forget(PipelineId pipeline) { cache_.forget(pipeline); }
    void forget(PlanId plan) { exchange_.forget(plan); }

    std::uint64_t kept() const { return cache_.documents(); }
    std::uint64_t ignored() const { return exchange_.ignored(); }
    // Inputs of jobs that were neither taken nor forgotten.
    std::size_t in_hand() const { return exchange_.in_hand(); }

private:
    void ask_files();
    void check(const JobStart& job, const FetchedInputs& inputs) const;
    void check(const JobRef& job, const JobRef& producer, const std::string& key, const Value* value) const;

    World& world_;
    std::function<void()> wake_;
    ValueCache cache_;
    ValueExchange exchange_;
    std::vector<StoredAnswer> from_files_;
    std::vector<std::uint64_t> unasked_;  // by a fault
};

}  // namespace penstock::sim
