#include "mpi/trial_rank.hpp"

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>

#include <signal.h>
#include <unistd.h>

namespace penstock {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kCallTag = 1;
constexpr auto kLook = std::chrono::milliseconds(20);
constexpr auto kLongest = std::chrono::seconds(60);
constexpr int kSignals[] = {SIGUSR1, SIGTERM};

std::atomic<bool> seen[NSIG];

void note_signal(int number) { seen[number].store(true); }

void put(const fs::path& path, const std::string& text) {
    const fs::path fresh = path.string() + ".new";
    std::ofstream(fresh) << text;
    std::error_code ignored;  // the folder may be gone by now
    fs::rename(fresh, path, ignored);
}

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string library() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int length = 0;
    MPI_Get_library_version(text, &length);
    const std::string all(text, static_cast<std::size_t>(length));
    return all.substr(0, all.find_first_of(",\n"));
}

// Rank 0 calls the others but for the one that is to die: messages must still arrive among those that are left.
class Stay {
public:
    Stay(const boost::mpi::communicator& world, fs::path folder)
        : world_(world), folder_(std::move(folder)), rank_(world.rank()), last_(world.size() - 1) {}

    void stay() {
        const auto end = Clock::now() + kLongest;
        for (int look = 0; Clock::now() < end && !fs::exists(folder_ / "stop"); ++look) {
            if (rank_ == last_ && fs::exists(folder_ / "die")) ::kill(::getpid(), SIGKILL);
            call();
            tell_signals();
            if (look % 5 == 0) put(folder_ / ("alive-" + std::to_string(rank_)), std::to_string(calls_));
            std::this_thread::sleep_for(kLook);
        }
    }

private:
    void call() {
        if (rank_ == 0) {
            for (int other = 1; other < last_; ++other) world_.send(other, kCallTag, calls_);
            ++calls_;
            return;
        }
        while (rank_ != last_ && world_.iprobe(0, kCallTag)) world_.recv(0, kCallTag, calls_);
        if (rank_ == last_) ++calls_;
    }

    void tell_signals() {
        for (const int number : kSignals)
            if (seen[number].exchange(false))
                put(folder_ / ("signal-" + std::to_string(rank_) + "-" + std::to_string(number)), "");
    }

    const boost::mpi::communicator& world_;
    const fs::path folder_;
    const int rank_, last_;
    std::uint64_t calls_ = 1;
};

}  // namespace

int run_trial_rank(const std::string& mode, const fs::path& folder) {
    for (const int number : kSignals) ::signal(number, note_signal);
    ::signal(SIGPIPE, SIG_IGN);
    const boost::mpi::environment environment(boost::mpi::threading::funneled, true);
    const boost::mpi::communicator world;
    const bool threads = boost::mpi::environment::thread_level() >= boost::mpi::threading::funneled;
    put(folder / ("rank-" + std::to_string(world.rank())),
        "size " + std::to_string(world.size()) + "\nhost " + host_name() + "\npid " + std::to_string(::getpid()) +
            "\nthreads " + (threads ? "yes" : "no") + "\nlibrary " + library() + "\n");
    std::cout << "penstock doctor: rank " << world.rank() << " of " << world.size() << std::endl;
    if (mode != kTrialStay) return 0;
    Stay(world, folder).stay();
    if (fs::exists(folder / "die")) ::_exit(0);  // with a rank dead, MPI_Finalize may hang
    return 0;
}

}  // namespace penstock
