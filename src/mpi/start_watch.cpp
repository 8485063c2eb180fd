#include "mpi/start_watch.hpp"

#include "mpi/launch_here.hpp"
#include "run/clock.hpp"

#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include <unistd.h>

namespace penstock {

namespace {

constexpr int kExitResume = 75;
constexpr auto kBetweenLooks = std::chrono::milliseconds(50);

[[noreturn]] void leave(std::uint32_t rank, const std::string& why) {
    const std::string text = "penstock: rank " + std::to_string(rank) + " leaves: " + why +
                             " while the launch began. Nothing has run; start it again, with --resume.\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
    _exit(kExitResume);
}

}  // namespace

StartWatch::StartWatch(std::uint32_t rank, Nanoseconds most) : rank_(rank) {
    std::shared_ptr<LaunchHere> here;
    if (std::optional<LaunchHere::Expected> expected = LaunchHere::expected())
        here = std::make_shared<LaunchHere>(std::move(*expected));
    // Nobody speaks yet: this only counts the time.
    const auto time = std::make_shared<RankWatch>(std::vector<RankWatch::Peer>{{rank, 0}}, most);
    look_with([here, time, most](Nanoseconds now) -> std::optional<std::string> {
        if (here)
            if (std::optional<std::string> why = here->look(now)) return why;
        if (time->look(now).empty()) return {};
        return "not all ranks had found one another after " + std::to_string(most / 1'000'000'000) + " s";
    });
}

void StartWatch::watch(const std::vector<RankWatch::Peer>& peers, std::optional<Nanoseconds> most) {
    const auto ranks = std::make_shared<RankWatch>(peers, most.value_or(std::numeric_limits<Nanoseconds>::max()));
    look_with([ranks](Nanoseconds now) -> std::optional<std::string> {
        for (const RankWatch::Loss& loss : ranks->look(now))
            return "rank " + std::to_string(loss.rank) + " was lost (" + loss.how + ")";
        return {};
    });
}

void StartWatch::stop() { thread_ = {}; }

void StartWatch::look_with(Look look) {
    stop();
    thread_ = std::jthread([rank = rank_, look = std::move(look)](const std::stop_token& asked) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        while (!stopped.wait_for(lock, asked, kBetweenLooks, [&] { return asked.stop_requested(); }))
            if (const std::optional<std::string> why = look(steady_now())) leave(rank, *why);
    });
}

}  // namespace penstock
