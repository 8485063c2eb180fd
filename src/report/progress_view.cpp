#include "report/progress_view.hpp"

#include "report/text.hpp"

#include <algorithm>
#include <vector>

namespace penstock {

namespace {

constexpr double kWindow_s = 10;
constexpr double kSampleInterval_s = 0.1;
constexpr std::size_t kNarrowest = 8;

struct Piece {
    std::string text;
    int importance;  // the least important goes first
};

// Streams are told of by their items: nobody knows how many more there will be.
void add_streams(const Progress& p, double items_per_second, std::vector<Piece>& pieces) {
    pieces.push_back({counted(p.items, "item"), 9});
    if (items_per_second > 0) pieces.push_back({rate_text(items_per_second) + " items/s", 7});
    if (p.streams > 1) pieces.push_back({count_text(p.streams_ended) + "/" + counted(p.streams, "stream"), 6});
    if (p.streams_failed > 0) pieces.push_back({counted(p.streams_failed, "stream") + " failed", 8});
}

std::vector<Piece> pieces_of(const Progress& p, double per_second, double items_per_second) {
    std::vector<Piece> pieces;
    if (p.streams > 0) add_streams(p, items_per_second, pieces);
    if (p.streams > 0 && p.jobs == 0) return pieces;
    pieces.push_back({count_text(p.succeeded) + "/" + count_text(p.jobs) + " done", 9});
    pieces.push_back({count_text(p.running()) + " running", 6});
    if (p.failed > 0) pieces.push_back({count_text(p.failed) + " failed", 8});
    if (p.skipped > 0) pieces.push_back({count_text(p.skipped) + " skipped", 4});
    if (p.waiting() > 0) pieces.push_back({count_text(p.waiting()) + " waiting", 3});
    if (per_second > 0) pieces.push_back({rate_text(per_second) + " jobs/s", 5});
    const std::uint64_t left = p.jobs - std::min(p.jobs, p.ended());
    if (p.more_may_come)
        pieces.push_back({"more may come", 2});
    else if (per_second > 0 && left > 0)
        pieces.push_back({duration_text(static_cast<double>(left) / per_second) + " left", 7});
    return pieces;
}

std::string joined(const std::vector<Piece>& pieces) {
    std::string text;
    for (const Piece& piece : pieces) text += (text.empty() ? "" : ", ") + piece.text;
    return text;
}

}  // namespace

void RateEstimate::add(double now_s, std::uint64_t ended) {
    if (!first_) first_ = Sample{now_s, ended};
    // The newest sample moves along until it is far enough from the one before it.
    if (samples_.size() >= 2 && now_s - samples_[samples_.size() - 2].at_s < kSampleInterval_s) {
        samples_.back() = {now_s, ended};
        return;
    }
    samples_.push_back({now_s, ended});
    while (samples_.size() > 2 && samples_[1].at_s <= now_s - kWindow_s) samples_.pop_front();
}

double RateEstimate::per_second() const {
    if (samples_.empty()) return 0;
    const auto between = [](Sample a, Sample b) {
        return b.at_s > a.at_s && b.ended > a.ended ? static_cast<double>(b.ended - a.ended) / (b.at_s - a.at_s) : 0;
    };
    const double recent = between(samples_.front(), samples_.back());
    return recent > 0 ? recent : between(*first_, samples_.back());
}

std::string progress_text(const Progress& progress, double per_second, std::size_t width, double items_per_second) {
    if (width < kNarrowest) return "";
    std::vector<Piece> pieces = pieces_of(progress, per_second, items_per_second);
    while (pieces.size() > 1 && display_width(joined(pieces)) > width) {
        pieces.erase(std::min_element(pieces.begin(), pieces.end(),
                                      [](const Piece& a, const Piece& b) { return a.importance < b.importance; }));
    }
    return shortened(joined(pieces), width);
}

void ProgressView::set(double now_s, const Progress& progress) {
    progress_ = progress;
    rate_.add(now_s, progress.ended());
    if (progress.streams > 0) items_rate_.add(now_s, progress.items);
}

std::optional<std::string> ProgressView::live_line(double now_s, std::size_t width) {
    if (!progress_ || (drawn_s_ >= 0 && now_s - drawn_s_ < kRedraw_s)) return std::nullopt;
    // The last column stays free: some terminals wrap as soon as it is written.
    std::string line =
        progress_text(*progress_, rate_.per_second(), width > 0 ? width - 1 : 0, items_rate_.per_second());
    if (line == drawn_) return std::nullopt;
    drawn_s_ = now_s;
    drawn_ = line;
    return line;
}

std::optional<std::string> ProgressView::log_line(double now_s) {
    if (!progress_ || now_s < next_line_s_) return std::nullopt;
    interval_s_ = std::min(interval_s_ * 2, kLongestInterval_s);
    next_line_s_ = now_s + interval_s_;
    constexpr std::size_t kAnyWidth = 1000;
    return "after " + duration_text(now_s) + ": " +
           progress_text(*progress_, rate_.per_second(), kAnyWidth, items_rate_.per_second());
}

}  // namespace penstock
