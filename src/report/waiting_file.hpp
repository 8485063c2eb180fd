// X.h5.run/waiting.json: what jobs wait for while a run goes on, for `penstock why`.
//
// Written by a thread of its own, a second after something changed or later, under a temporary name, and not synced: it
// is of no use after a crash. It goes with the run, but for what was not started because the time did not suffice.
#pragma once

#include "report/observer.hpp"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

// "3 CPUs, 2 GiB of memory, 1 of licence".
std::string needs_text(const Resources& needs);
// "one takes about 40 min, and 25 min were left".
std::string time_text(const WaitingJobs& waiting);

struct WaitingText {
    std::string needs;     // needs_text()
    std::string text;      // "2 jobs that need 3 CPUs, 1 of licence wait: all of `licence` is given out"
    std::string job = {};  // only jobs of this name are meant; "" = all that need that
};
std::vector<WaitingText> waiting_texts(const std::vector<WaitingJobs>& waiting);

class WaitingFile final : public RunObserver {
public:
    explicit WaitingFile(std::filesystem::path file);
    ~WaitingFile() override;
    void waits(const std::vector<WaitingJobs>& waiting) override;
    // What was told last is still of use when the run is over.
    void keep() { kept_ = true; }

private:
    void serve(const std::stop_token& stop);

    const std::filesystem::path file_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool kept_ = false;
    std::string text_;  // to be written; "" = nothing new
    std::jthread thread_;
};

// As written last; empty when there is no such file, or it cannot be read. `written_s`: seconds since the Unix epoch.
std::vector<WaitingText> read_waiting(const std::filesystem::path& file, double& written_s);

}  // namespace penstock
