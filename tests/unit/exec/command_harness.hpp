// Runs `command` jobs on the real runner: parameters and values in, outcome out.
#pragma once

#include "exec/command_spec.hpp"
#include "exec/external_runner.hpp"
#include "exec/job_log.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace penstock::command_test {

namespace fs = std::filesystem;

// A directory that is gone when the test ends.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (fs::temp_directory_path() / "penstock-command-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
        path_ = fs::canonical(name);
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

inline std::string read_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_text(const fs::path& path, const std::string& text, bool program = false) {
    std::ofstream(path, std::ios::binary) << text;
    if (program) fs::permissions(path, fs::perms::owner_all);
}

// How many entries a directory has; 0 when it is not there.
inline std::size_t entries(const fs::path& directory) {
    if (!fs::exists(directory)) return 0;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

class CommandHarness {
public:
    explicit CommandHarness(std::uint64_t log_bytes = 64 * 1024, const CpusForCommands& cpus = {}) {
        for (const char* name : {"launch", "definition"}) fs::create_directory(root() / name);
        LaneOptions options;
        options.scratch_root = root() / "scratch";
        options.log_directory = root() / "logs";
        options.launch_directory = launch_directory();
        options.log_bytes = log_bytes;
        options.cpus = cpus;
        runner_ = make_external_runner(options, [this](Outcome outcome) {
            const std::lock_guard lock(mutex_);
            outcomes_[outcome.ticket] = std::move(outcome);
            changed_.notify_all();
        });
    }
    ~CommandHarness() { runner_->stop(); }

    const fs::path& root() const { return directory_.path(); }
    fs::path launch_directory() const { return root() / "launch"; }
    fs::path definition_directory() const { return root() / "definition"; }
    fs::path scratch_root() const { return root() / "scratch"; }
    ExternalRunner& runner() { return *runner_; }

    // A job with these parameters; `values` are what its keys stand for.
    std::shared_ptr<const PipelineContext> job(const Document& with, const Document& values = {},
                                               const Resources& resources = {}, double timeout_s = 0) const {
        auto plan = std::make_shared<Plan>();
        plan->name = "pipeline";
        plan->data = values;
        plan->definition_directory = definition_directory().string();
        JobTemplate made;
        made.name = "job";
        made.worker = "command";
        made.with = with;
        made.resources = resources;
        made.timeout_s = timeout_s;
        for (const std::string& key : command_needs(with)) {
            Binding binding;
            binding.key = binding.source_key = key;
            binding.from = with.contains(key) ? Binding::From::with : Binding::From::data;
            made.bindings.push_back(binding);
        }
        plan->templates.push_back(std::move(made));
        plan->job_count = 1;
        return std::make_shared<PipelineContext>(PipelineContext{plan, {}});
    }

    std::uint64_t start(const std::shared_ptr<const PipelineContext>& pipeline, std::uint32_t lane = 0) {
        Ticket ticket;
        ticket.id = ++last_ticket_;
        ticket.pipeline = pipeline;
        ticket.job = pipeline->plan->templates.data();
        runner_->start(lane, std::move(ticket));
        return last_ticket_;
    }
    std::uint64_t start(const Document& with, const Document& values = {}) { return start(job(with, values)); }

    Outcome wait(std::uint64_t ticket) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return outcomes_.contains(ticket); });
        Outcome outcome = std::move(outcomes_.at(ticket));
        outcomes_.erase(ticket);
        return outcome;
    }

    Outcome run(const Document& with, const Document& values = {}) { return wait(start(with, values)); }

    // The outputs of a job that has to succeed.
    Document outputs(const Document& with, const Document& values = {}) {
        Outcome outcome = run(with, values);
        EXPECT_TRUE(outcome.succeeded) << outcome.details->error;
        return outcome.outputs ? *outcome.outputs : Document{};
    }
    // What a job that has to succeed writes to stdout.
    std::string output_of(Document with, const Document& values = {}) {
        with["outputs"] = Map{{"text", Map{{"text", "stdout"}}}};
        const Document made = outputs(with, values);
        return made.contains("text") ? made.at("text").string() : std::string("(failed)");
    }
    // Why a job fails that has to.
    OutcomeDetails failure(const Document& with, const Document& values = {}) {
        Outcome outcome = run(with, values);
        EXPECT_FALSE(outcome.succeeded);
        EXPECT_EQ(outcome.outputs, nullptr);
        return std::move(*outcome.details);
    }

private:
    TemporaryDirectory directory_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, Outcome> outcomes_;
    std::uint64_t last_ticket_ = 0;
    std::unique_ptr<ExternalRunner> runner_;
};

inline Value argv(std::initializer_list<Value> words) { return List(words); }

}  // namespace penstock::command_test
