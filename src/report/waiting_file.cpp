#include "report/waiting_file.hpp"

#include "report/text.hpp"
#include "value/value_json.hpp"

#include <chrono>
#include <fstream>
#include <iterator>
#include <system_error>

namespace penstock {

namespace {

double epoch_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string reason_of(const WaitingJobs& w) {
    switch (w.what) {
        case WaitingJobs::For::slot:
            return w.needs.simple() ? "every slot is taken" : "their turn has not come";
        case WaitingJobs::For::cpus:
            return "no host has " + counted(w.needs.cpus, "CPU") + " free";
        case WaitingJobs::For::memory:
            return "no host has " + bytes_text(w.needs.memory_bytes) + " of memory left";
        case WaitingJobs::For::named: {
            std::string text;
            for (const std::string& name : w.named) text += (text.empty() ? "" : ", ") + ("`" + name + "`");
            return "not enough is left of " + text;
        }
        case WaitingJobs::For::pause:
            return "they have failed and pause before their next attempt";
        case WaitingJobs::For::elsewhere:
            return "they have failed and look for room at another broker";
        case WaitingJobs::For::time:
            return time_text(w);
    }
    return "";
}

}  // namespace

std::string needs_text(const Resources& needs) {
    std::string text = counted(needs.cpus, "CPU");
    if (needs.memory_bytes != 0) text += ", " + bytes_text(needs.memory_bytes) + " of memory";
    for (const auto& [name, amount] : needs.named) text += ", " + std::to_string(amount) + " of " + name;
    return text;
}

std::string time_text(const WaitingJobs& w) {
    return "one takes about " + duration_text(w.likely_s) + ", and " + duration_text(w.left_s) + " were left";
}

std::vector<WaitingText> waiting_texts(const std::vector<WaitingJobs>& waiting) {
    std::vector<WaitingText> texts;
    for (const WaitingJobs& w : waiting) {
        const std::string needs = needs_text(w.needs);
        if (w.what == WaitingJobs::For::time) {
            texts.push_back({needs,
                             counted(w.jobs, "job") + " of " + w.job + (w.jobs == 1 ? " was" : " were") +
                                 " left for the next launch: " + time_text(w),
                             w.job});
            continue;
        }
        texts.push_back({needs,
                         counted(w.jobs, "job") + (w.jobs == 1 ? " that needs " : " that need ") + needs +
                             (w.jobs == 1 ? " waits: " : " wait: ") + reason_of(w),
                         ""});
    }
    return texts;
}

WaitingFile::WaitingFile(std::filesystem::path file)
    : file_(std::move(file)), thread_([this](const std::stop_token& stop) { serve(stop); }) {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);  // of the launch before
}

WaitingFile::~WaitingFile() {
    thread_.request_stop();
    thread_.join();
    std::error_code ignored;
    if (!kept_) std::filesystem::remove(file_, ignored);
}

void WaitingFile::waits(const std::vector<WaitingJobs>& waiting) {
    List lines;
    for (const WaitingText& w : waiting_texts(waiting)) {
        Map line;
        line.emplace("needs", w.needs);
        line.emplace("text", w.text);
        if (!w.job.empty()) line.emplace("job", w.job);
        lines.emplace_back(std::move(line));
    }
    Document all;
    all.emplace("written", epoch_s());
    all.emplace("waiting", std::move(lines));
    const std::string text = to_json(all, JsonForm::plain);
    const std::scoped_lock lock(mutex_);
    text_ = text;
    changed_.notify_one();
}

void WaitingFile::serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !text_.empty(); })) {
        const std::string text = std::exchange(text_, {});
        lock.unlock();
        const std::filesystem::path fresh = file_.string() + ".new";
        std::ofstream out(fresh, std::ios::trunc);
        out << text << "\n";
        out.close();
        std::error_code ignored;  // people then know less
        if (out) std::filesystem::rename(fresh, file_, ignored);
        lock.lock();
    }
}

std::vector<WaitingText> read_waiting(const std::filesystem::path& file, double& written_s) {
    std::vector<WaitingText> waiting;
    try {
        std::ifstream in(file, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        const Value all = from_json(text, JsonForm::plain);
        written_s = all.map().at("written").float64();
        for (const Value& w : all.map().at("waiting").list())
            waiting.push_back({w.map().at("needs").string(), w.map().at("text").string(),
                               w.map().contains("job") ? w.map().at("job").string() : ""});
    } catch (const std::exception&) {
        return {};
    }
    return waiting;
}

}  // namespace penstock
