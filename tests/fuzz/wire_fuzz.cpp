// Frames as another rank might send them: decoded, or refused with a WireError. What decodes can be described, and
// given to each role, which acts on it or counts it as nonsense.
#include "core/broker.hpp"
#include "core/pipeliner.hpp"
#include "core/router.hpp"
#include "fuzz/fuzz.hpp"
#include "mpi/wire.hpp"
#include "protocol/messages.hpp"
#include "support/plans.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace penstock {
namespace {

class Deaf final : public RouterEvents {
    void started(PipelineId) override {}
    void ran(PipelineId, const msg::Ended&, std::uint32_t) override {}
    void skipped(PipelineId, const JobRun&, JobIndex) override {}
    void refused(PipelineId, const msg::Refused&, std::uint32_t) override {}
    void pipeline_over(PipelineId) override {}
    void plan_forgotten(PlanId, const Plan&) override {}
    void store_failed(std::uint32_t, const std::string&) override {}
};

// Lanes that never end anything.
class Idle final : public BrokerHost {
    void start(std::uint32_t, std::vector<JobStart>) override {}
    std::vector<std::uint64_t> take_back(std::uint32_t) override { return {}; }
    bool may_start() const override { return true; }
    void fetch(const JobStart&, std::uint32_t, bool, std::uint32_t) override {}
    void forget_inputs(std::uint64_t) override {}
    void release(const JobRun&) override {}
    std::vector<JobRun> held(PipelineId) override { return {}; }
    void abandon_stream(PipelineId) override {}
    void forget(PipelineId) override {}
    void forget(PlanId) override {}
    void flush() override {}
    void stop() override {}
};

constexpr std::uint32_t kBroker = 2;

// A rank 0 with two pipelines under way, and with everything else a role of a rank may be.
class Ranks {
public:
    Ranks() : router_(options(), events_), broker_(kBroker, 2, host_) {
        const auto plan = test::plan_of("a[4] => b : twin; b => c; c -> d");
        for (std::uint32_t i = 1; i <= 2; ++i) router_.submit(PlanId(1), plan, PipelineInfo{}, 5, out_);
        router_.schedule(0, out_);
        const auto sent = out_.take();
        for (const Envelope& e : sent) deliver(e.message);
        router_.schedule(0, out_);
    }

    void deliver(const Message& message) {
        std::visit([&](const auto& inbox) { std::visit([&](const auto& m) { take(m, inbox); }, inbox); }, message);
        router_.schedule(++now_, out_);
        broker_.settle(out_);
        out_.take();
    }

private:
    static RouterOptions options() {
        RouterOptions options;
        options.pipeliners = {1};
        options.brokers = {{kBroker, 0, 2}, {3, 0, 1}};
        options.hosts = HostLedger({{"a", 3, 0}}, {});
        return options;
    }
    template <class M>
    void take(const M& m, const RouterMessage&) {
        if constexpr (requires { router_.on(m, kBroker, out_); }) router_.on(m, kBroker, out_);
    }
    template <class M>
    void take(const M& m, const PipelinerMessage&) {
        if constexpr (requires { pipeliner_.on(m, 0u, out_); }) pipeliner_.on(m, 0, out_);
    }
    template <class M>
    void take(const M& m, const BrokerMessage&) {
        if constexpr (requires { broker_.on(m, 0u, out_); }) broker_.on(m, 0, out_);
    }

    Outbox out_{0};
    Deaf events_;
    Idle host_;
    Router router_;
    Pipeliner pipeliner_;
    Broker broker_;
    Nanoseconds now_ = 0;
};

}  // namespace

void fuzz(std::span<const std::uint8_t> input) {
    FrameReader reader;
    Ranks ranks;
    // Two frames: what the second one says of plans meets what the first one said.
    const std::size_t cut = input.empty() ? 0 : input[0] * (input.size() - 1) / 255;
    const std::span<const std::uint8_t> rest = input.empty() ? input : input.subspan(1);
    for (const auto part : {rest.first(cut), rest.subspan(cut)}) {
        std::vector<Envelope> out;
        try {
            reader.read({reinterpret_cast<const char*>(part.data()), part.size()}, kBroker, 0, out);
        } catch (const WireError&) {
        }
        for (const std::span<std::byte> place : reader.take_payloads())
            std::fill_n(place.data(), std::min<std::size_t>(place.size(), 4096), std::byte{7});
        for (const Envelope& envelope : out) {
            describe(envelope);
            ranks.deliver(envelope.message);
        }
    }
}

}  // namespace penstock
