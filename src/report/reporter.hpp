// What a person sees of a run that goes on: role lines, progress, messages.
//
// The pump only leaves word here; a thread of the reporter draws, so that a terminal that stands still (Ctrl-S) or a
// slow one holds nothing up.
#pragma once

#include "report/console.hpp"
#include "report/observer.hpp"
#include "report/progress_view.hpp"
#include "report/run_log.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace penstock {

class Reporter : public RunObserver {
public:
    // Both must outlive it. With Verbosity::quiet there is no progress and no role line.
    Reporter(Console& console, RunLog& log, Verbosity verbosity);
    ~Reporter() override;

    void roles(const std::vector<RoleLine>& roles) override;
    void progress(const Progress& progress) override;
    void pipeline_ended(const PipelineEnded& pipeline) override;
    void message(Severity severity, std::string_view text) override;
    void ended(const RunSummary& summary) override;

    // Ends the thread and removes the live line. May be called more than once.
    void stop();

private:
    void draw(std::stop_token stop);
    double now_s() const;

    Console& console_;
    RunLog& log_;
    const Verbosity verbosity_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

    std::mutex mutex_;
    std::condition_variable_any changed_;
    ProgressView view_;  // under mutex_

    std::jthread thread_;
};

}  // namespace penstock
