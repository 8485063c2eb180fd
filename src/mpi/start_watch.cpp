#include "mpi/start_watch.hpp"

#include "run/clock.hpp"

#include <condition_variable>
#include <mutex>
#include <string>

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

StartWatch::StartWatch(std::uint32_t rank, const std::vector<RankWatch::Peer>& peers, Nanoseconds most)
    : thread_([rank, peers, most](const std::stop_token& stop) {
          RankWatch watch(peers, most);
          std::mutex mutex;
          std::condition_variable_any stopped;
          std::unique_lock lock(mutex);
          while (!stopped.wait_for(lock, stop, kBetweenLooks, [&] { return stop.stop_requested(); }))
              for (const RankWatch::Loss& loss : watch.look(steady_now()))
                  leave(rank, "rank " + std::to_string(loss.rank) + " was lost (" + loss.how + ")");
      }) {}

}  // namespace penstock
