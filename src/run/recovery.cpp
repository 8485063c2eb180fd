#include "run/recovery.hpp"

#include "store/durable_jobs.hpp"
#include "store/position_file.hpp"

#include <utility>

namespace penstock {

Recovery::Recovery(Options options) : options_(std::move(options)) {}

Recovery::~Recovery() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    asked_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Recovery::fence(std::uint32_t rank) {
    const std::lock_guard lock(mutex_);
    to_fence_.push_back(rank);
    asked_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
}

void Recovery::ask(Question question) {
    const std::lock_guard lock(mutex_);
    questions_.push_back(std::move(question));
    asked_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
}

std::vector<Recovery::Answer> Recovery::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
}

std::string Recovery::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

void Recovery::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        asked_.wait(lock, [this] { return ending_ || !to_fence_.empty() || !questions_.empty(); });
        if (ending_) return;
        const auto ranks = std::exchange(to_fence_, {});
        auto questions = std::exchange(questions_, {});
        lock.unlock();
        std::string error;
        try {
            for (const std::uint32_t rank : ranks) options_.fence(rank);
            if (!questions.empty()) answer(std::move(questions));
        } catch (const std::exception& problem) {
            error = problem.what();
        }
        lock.lock();
        if (error_.empty()) error_ = error;
        lock.unlock();
        options_.wake();
        lock.lock();
    }
}

void Recovery::answer(std::vector<Question> questions) {
    DurableJobs::Options options;
    options.values_elsewhere = options_.values_elsewhere;
    options.in_launch = true;
    const auto durable = DurableJobs::read(options_.run_directory, options);
    for (const Question& q : questions) {
        const DurableJobs::Now now{q.at_start.get(), &q.held};
        Answer answer{q.pipeline, q.epoch, durable->resumption(*q.context->plan, q.context->info, now), {}};
        if (q.identity)
            if (const std::uint64_t identity = stream_identity(*q.context); identity != *q.identity)
                answer.changed_identity = identity;
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
    }
}

}  // namespace penstock
