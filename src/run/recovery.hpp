// Reads what is durable of pipelines that had to do with a rank that was lost, on a thread of its own.
//
// The rank's segments are fenced first: what it might still write does not count.
// Threads: ask() and take() are the pump's.
#pragma once

#include "core/job_history.hpp"
#include "exec/task.hpp"

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

class Recovery {
public:
    struct Question {
        PipelineId pipeline;
        std::uint32_t epoch = 0;
        std::shared_ptr<const PipelineContext> context;
        std::vector<HeldOutputs> held;
        std::shared_ptr<const JobHistory> at_start;  // null: nothing was known of it when it was submitted
        std::optional<std::uint64_t> identity;  // of a stream that may go on from a position: as it was when it began
    };
    struct Answer {
        PipelineId pipeline;
        std::uint32_t epoch = 0;
        std::shared_ptr<const Resumption> resumption;
        std::optional<std::uint64_t> changed_identity;  // what the source of the stream reads is not what it was
    };
    struct Options {
        std::filesystem::path run_directory;
        bool values_elsewhere = false;
        std::function<void(std::uint32_t rank)> fence;  // may throw
        std::function<void()> wake;                     // of the pump
    };

    explicit Recovery(Options options);
    ~Recovery();

    void fence(std::uint32_t rank);
    // Everything that is to count must be durable.
    void ask(Question question);
    std::vector<Answer> take();
    // The run cannot go on: what there is cannot be read, or a fence not be written.
    std::string error() const;

private:
    void work();
    void answer(std::vector<Question> questions);

    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable asked_;
    std::vector<std::uint32_t> to_fence_;
    std::vector<Question> questions_;
    std::vector<Answer> answers_;
    std::string error_;
    bool ending_ = false;
    std::thread thread_;  // from the first question on
};

}  // namespace penstock
