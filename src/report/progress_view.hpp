// How a run that goes on is shown: the text of the progress line, and when a line is due. Pure: time comes in.
#pragma once

#include "report/observer.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

namespace penstock {

// Jobs per second of the last ten seconds or so; of the whole run while nothing ended in them.
class RateEstimate {
public:
    void add(double now_s, std::uint64_t ended);
    double per_second() const;

private:
    struct Sample {
        double at_s;
        std::uint64_t ended;
    };
    std::deque<Sample> samples_;  // at most 101
    std::optional<Sample> first_;
};

// "1,200/10,000 done, 8 running, 2 failed, 8,790 waiting, 412 jobs/s, 21 s left". Pieces that do not fit into `width`
// columns are left out, the least telling first. Nothing at all fits below 8 columns.
// With streams "12,000 items, 8,500 items/s".
std::string progress_text(const Progress& progress, double per_second, std::size_t width, double items_per_second = 0);

// What is due to be shown now. A live line at most ten times a second, and only when it changed; log lines at
// intervals of 1 s, 2 s, 4 s, ... and in the end every 5 minutes.
class ProgressView {
public:
    static constexpr double kRedraw_s = 0.1;
    static constexpr double kFirstLine_s = 1;
    static constexpr double kLongestInterval_s = 300;

    // `now_s` counts from the start of the run.
    void set(double now_s, const Progress& progress);
    std::optional<std::string> live_line(double now_s, std::size_t width);
    std::optional<std::string> log_line(double now_s);
    // When log_line() has something to say next.
    double next_log_line_s() const { return next_line_s_; }

private:
    std::optional<Progress> progress_;
    RateEstimate rate_;
    RateEstimate items_rate_;  // of streams
    double drawn_s_ = -1;
    std::string drawn_;
    double next_line_s_ = kFirstLine_s;
    double interval_s_ = kFirstLine_s;
};

}  // namespace penstock
