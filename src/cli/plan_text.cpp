#include "cli/plan_text.hpp"

#include "language/statistics.hpp"
#include "report/text.hpp"

#include <map>

namespace penstock {

namespace {

std::string indented(const std::string& text) {
    std::string out;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        out += "  " + text.substr(from, end - from) + "\n";
        from = end + 1;
    }
    return out;
}

// "workers: Downloader (1 job), command (2,000 jobs)".
std::string workers_line(const Plan& plan) {
    std::map<std::string, std::uint64_t> jobs;
    for (const JobTemplate& job : plan.templates) jobs[job.worker] += job.count;
    std::string line = "workers:";
    for (const auto& [worker, count] : jobs) {
        line += (line.back() == ':' ? " " : ", ") + printable(worker) + " (" + counted(count, "job") + ")";
    }
    return line + "\n";
}

}  // namespace

std::string plans_text(const std::vector<std::shared_ptr<const Plan>>& plans) {
    std::string text;
    for (const auto& plan : plans) {
        text += "pipeline " + printable(plan->name) + "\n";
        text += indented(printable_lines(to_text(statistics_of(*plan), *plan)));
        if (!plan->is_stream()) text += indented(workers_line(*plan));  // each stage has told its own
    }
    return text;
}

}  // namespace penstock
