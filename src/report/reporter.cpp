#include "report/reporter.hpp"

#include "report/role_text.hpp"
#include "report/text.hpp"

namespace penstock {

Reporter::Reporter(Console& console, RunLog& log, Verbosity verbosity)
    : console_(console), log_(log), verbosity_(verbosity) {
    if (verbosity_ != Verbosity::quiet) thread_ = std::jthread([this](std::stop_token stop) { draw(stop); });
}

Reporter::~Reporter() { stop(); }

double Reporter::now_s() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Reporter::roles(const std::vector<RoleLine>& roles) {
    const std::string text = roles_text(roles);
    log_.write_to_file("roles:\n" + text);
    if (verbosity_ != Verbosity::quiet) console_.print(text);
}

void Reporter::progress(const Progress& progress) {
    const std::scoped_lock lock(mutex_);
    view_.set(now_s(), progress);
}

void Reporter::pipeline_ended(const PipelineEnded& ended) {
    const std::uint64_t jobs = ended.succeeded + ended.failed + ended.skipped;
    std::string text = ended.pipeline->plan->name;
    if (!ended.pipeline->info.instance.empty()) text += " (" + ended.pipeline->info.instance + ")";
    text += ended.status == JobStatus::succeeded ? ": succeeded, " : ": failed, ";
    text +=
        counted(jobs, ended.pipeline->plan->is_stream() ? "stage" : "job") + " in " + duration_text(ended.duration_s);
    if (ended.failed > 0) text += ", " + count_text(ended.failed) + " failed";
    if (ended.skipped > 0) text += ", " + count_text(ended.skipped) + " skipped";
    log_.write(Severity::debug, text);
}

void Reporter::message(Severity severity, std::string_view text) { log_.write(severity, text); }

void Reporter::ended(const RunSummary&) { stop(); }

void Reporter::stop() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
    console_.draw("");
}

void Reporter::draw(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const bool live = console_.live();
        const double now = now_s();
        const auto line = live ? view_.live_line(now, console_.width()) : view_.log_line(now);
        if (line) {
            lock.unlock();
            if (live)
                console_.draw(*line);
            else
                log_.write(Severity::info, *line);
            lock.lock();
        }
        const double wait_s = live ? ProgressView::kRedraw_s : std::max(view_.next_log_line_s() - now_s(), 0.05);
        changed_.wait_for(lock, stop, std::chrono::duration<double>(wait_s), [] { return false; });
    }
}

}  // namespace penstock
