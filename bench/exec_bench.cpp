// How fast lanes run jobs that do nothing: in worker processes and inline, in bulk and one at a time.
//
//     exec_bench [JOBS [LANES]]
//
// The main thread plays the pump: it keeps some hundred tickets at every lane, drains, yields for 200 microseconds when
// there is nothing, and then sleeps until it is woken. The floor is a bare ping-pong over shared memory between two
// threads, the least any hand-over costs on this machine.
#include "exec/lanes.hpp"
#include "exec/spin_wait.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using namespace penstock;

namespace {

struct Nothing : Worker {
    static constexpr std::string_view kName = "nothing";
    Document process(const Document&, Context&) override { return {}; }
};
struct Scalars : Worker {
    static constexpr std::string_view kName = "scalars";
    static Keys makes() { return {"a", "b", "c"}; }
    Document process(const Document&, Context&) override { return {{"a", 1}, {"b", 2.5}, {"c", "three"}}; }
};

const WorkerTypes& types() {
    static const WorkerTypes list{worker_type<Nothing>(), worker_type<Scalars>()};
    return list;
}

std::shared_ptr<const PipelineContext> pipeline(std::string_view worker, Isolation isolation) {
    auto plan = std::make_shared<Plan>();
    plan->name = "bench";
    JobTemplate& job = plan->templates.emplace_back();
    job.name = "job";
    job.worker = worker;
    job.isolation = isolation;
    auto context = std::make_shared<PipelineContext>();
    context->plan = plan;
    return context;
}

class Pump {
public:
    explicit Pump(std::unique_ptr<Zygote> zygote) : bell_(::eventfd(0, EFD_NONBLOCK)) {
        LaneOptions options;
        options.scratch_root = std::filesystem::temp_directory_path() / "penstock-exec-bench";
        options.wake = [this] {
            if (!asleep_.load()) return;
            const std::uint64_t one = 1;
            if (::write(bell_, &one, sizeof one) < 0) std::perror("eventfd");
        };
        lanes_ = make_lanes(types(), std::move(zygote), std::move(options));
    }
    ~Pump() {
        lanes_.reset();
        ::close(bell_);
    }

    // Jobs a second.
    double bulk(const std::shared_ptr<const PipelineContext>& context, std::uint32_t lanes, std::uint64_t jobs) {
        std::vector<std::uint64_t> held(lanes, 0);
        std::vector<Outcome> outcomes;
        std::uint64_t given = 0;
        std::uint64_t ended = 0;
        const std::int64_t start = steady_now();
        while (ended < jobs) {
            for (std::uint32_t lane = 0; lane < lanes; ++lane) {
                if (held[lane] > kHeld / 2 || given == jobs) continue;
                const std::uint64_t count = std::min(kHeld - held[lane], jobs - given);
                std::vector<Ticket> tickets(count);
                for (Ticket& ticket : tickets) fill(ticket, context);
                lanes_->run(lane, std::move(tickets));
                held[lane] += count;
                given += count;
            }
            outcomes.clear();
            wait(outcomes);
            for (const Outcome& outcome : outcomes) {
                if (!outcome.succeeded)
                    std::fprintf(stderr, "failed: %s\n", outcome.details->error.c_str()), std::exit(1);
                --held[outcome.lane];
            }
            ended += outcomes.size();
        }
        return static_cast<double>(jobs) / (static_cast<double>(steady_now() - start) * 1e-9);
    }

    // Microseconds from handing a ticket over to having its outcome: median and 99th percentile.
    std::pair<double, double> latency(const std::shared_ptr<const PipelineContext>& context, int jobs) {
        std::vector<std::int64_t> times;
        std::vector<Outcome> outcomes;
        for (int i = 0; i < jobs; ++i) {
            std::vector<Ticket> tickets(1);
            fill(tickets[0], context);
            const std::int64_t start = steady_now();
            lanes_->run(0, std::move(tickets));
            outcomes.clear();
            while (outcomes.empty()) wait(outcomes);
            times.push_back(steady_now() - start);
        }
        std::sort(times.begin(), times.end());
        const auto at = [&](double part) {
            return static_cast<double>(times[static_cast<std::size_t>(part * static_cast<double>(times.size()))]) *
                   1e-3;
        };
        return {at(0.5), at(0.99)};
    }

private:
    static constexpr std::uint64_t kHeld = 512;

    void fill(Ticket& ticket, const std::shared_ptr<const PipelineContext>& context) {
        ticket.id = ++last_;
        ticket.pipeline = context;
        ticket.job = &context->plan->templates[0];
    }

    void wait(std::vector<Outcome>& outcomes) {
        if (spin_.spin([&] { return lanes_->drain(outcomes); })) return;
        asleep_.store(true);
        if (!lanes_->drain(outcomes)) {
            pollfd watched{bell_, POLLIN, 0};
            ::poll(&watched, 1, -1);
            std::uint64_t rung = 0;
            if (::read(bell_, &rung, sizeof rung) < 0) rung = 0;
        }
        asleep_.store(false);
        spin_.slept();
        lanes_->drain(outcomes);
    }

    int bell_;
    std::atomic<bool> asleep_{false};
    std::unique_ptr<Lanes> lanes_;
    SpinWait spin_;
    std::uint64_t last_ = 0;
};

double ping_pong_us() {
    constexpr int kRounds = 200'000;
    std::atomic<int> ball{0};
    std::thread other([&] {
        for (int i = 0; i < kRounds; ++i) {
            while (ball.load(std::memory_order_acquire) != 2 * i + 1) relax_cpu();
            ball.store(2 * i + 2, std::memory_order_release);
        }
    });
    const std::int64_t start = steady_now();
    for (int i = 0; i < kRounds; ++i) {
        ball.store(2 * i + 1, std::memory_order_release);
        while (ball.load(std::memory_order_acquire) != 2 * i + 2) relax_cpu();
    }
    other.join();
    return static_cast<double>(steady_now() - start) * 1e-3 / kRounds;
}

}  // namespace

int main(int argc, char** argv) {
    serve_if_zygote(argc, argv, types());
    const std::uint64_t jobs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    const auto lanes = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 2);
    Pump pump(Zygote::fork_now(types()));
    std::printf("floor: ping-pong between two threads %.2f us\n", ping_pong_us());
    for (const auto& [name, isolation] :
         {std::pair("worker processes", Isolation::process), {"inline", Isolation::in_line}}) {
        const auto nothing = pipeline("nothing", isolation);
        const auto scalars = pipeline("scalars", isolation);
        pump.bulk(nothing, lanes, 1000);  // makes the processes and threads
        for (std::uint32_t n = 1; n <= lanes; ++n) {
            std::printf("%s: nothing, %u lane(s) %.0f jobs/s\n", name, n, pump.bulk(nothing, n, jobs));
            std::printf("%s: three scalars, %u lane(s) %.0f jobs/s\n", name, n, pump.bulk(scalars, n, jobs));
        }
        const auto [median, tail] = pump.latency(nothing, 20'000);
        std::printf("%s: one at a time, median %.1f us, 99 %% within %.1f us\n", name, median, tail);
        std::fflush(stdout);
    }
}
