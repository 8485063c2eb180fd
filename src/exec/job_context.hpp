// The Context a job sees, in a worker process and on an executor thread alike.
#pragma once

#include "exec/job_description.hpp"

#include <penstock/worker.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// What the place a job runs at offers to all of its jobs, one after another.
struct JobPlace {
    std::filesystem::path scratch_root;
    std::function<void(std::string_view text)> print;       // to the log of the job that runs
    const std::atomic<std::uint32_t>* cancelled = nullptr;  // not 0: jobs should stop early
    std::atomic<double>* progress = nullptr;
    bool shares_process = false;  // with the lane: when user code crashes, all of it does
};

struct JobInstance {
    const JobDescription* description = nullptr;
    const Document* parameters = nullptr;
    std::string_view label;  // of the instance; used when for_each is null
    const ForEach* for_each = nullptr;
    std::uint32_t number = 0;
    std::uint32_t attempt = 1;
    // Of a stage of a stream.
    std::uint32_t worker = 0;
    std::uint32_t workers = 1;
    const std::atomic<bool>* abandoned = nullptr;  // nobody wants what it makes any more
};

// All referred to must outlive it.
class JobContext final : public Context {
public:
    JobContext(const JobPlace& place, const JobInstance& job) : place_(place), job_(job) {}

    std::string_view pipeline() const override { return job_.description->pipeline; }
    std::string_view job() const override { return job_.description->job; }
    std::string instance() const override;
    int attempt() const override { return static_cast<int>(job_.attempt); }
    int cpus() const override { return job_.description->cpus; }
    std::uint32_t worker() const override { return job_.worker; }
    std::uint32_t workers() const override { return job_.workers; }
    const Document& parameters() const override { return *job_.parameters; }
    const std::filesystem::path& definition_directory() const override {
        return job_.description->definition_directory;
    }
    const std::filesystem::path& scratch() override;
    void log(std::string_view line) override;
    bool cancelled() const override {
        return place_.cancelled->load(std::memory_order_relaxed) != 0 ||
               (job_.abandoned != nullptr && job_.abandoned->load(std::memory_order_relaxed));
    }
    void progress(double fraction) override;

    // The job succeeded: its scratch directory goes.
    void remove_scratch() noexcept;

private:
    const JobPlace& place_;
    const JobInstance& job_;
    std::optional<std::filesystem::path> scratch_;
};

}  // namespace penstock
