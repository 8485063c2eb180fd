// Pipelines, records and random values for tests of the store.
#pragma once

#include "store/collect.hpp"
#include "store/record.hpp"
#include "store/record_writer.hpp"
#include "store/results.hpp"
#include "support/random_values.hpp"
#include "support/seed.hpp"
#include "temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

// A pipeline whose jobs are added one after another, as a definition would list them.
class SamplePlan {
public:
    explicit SamplePlan(std::string name) { plan_->name = std::move(name); }

    // A job with `axes` (none = one instance); their sizes multiply.
    SamplePlan& job(const std::string& name, std::vector<Axis> axes = {}) {
        JobTemplate t;
        t.name = name;
        t.worker = "Worker-" + name;
        t.first_job = JobIndex(plan_->job_count);
        if (!axes.empty()) {
            auto for_each = std::make_shared<ForEach>();
            for (Axis& axis : axes) for_each->dimensions.push_back({std::move(axis)});
            t.count = for_each->count();
            t.for_each = std::move(for_each);
        }
        plan_->job_count += t.count;
        plan_->templates.push_back(std::move(t));
        return *this;
    }
    JobTemplate& last() { return plan_->templates.back(); }

    std::shared_ptr<const PipelineContext> start(std::uint32_t id = 0, std::string instance = "") const {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = PipelineId(id);
        context->info.instance = std::move(instance);
        return context;
    }

private:
    std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
};

inline JobRecord record_of(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                           std::uint32_t instance = 0) {
    JobRecord record;
    record.pipeline = pipeline;
    record.job = &pipeline->plan->templates[job];
    record.instance = instance;
    record.broker = 1;
    record.slot = instance % 3;
    record.submitted_ns = 1'700'000'000'000'000'000;
    record.started_ns = record.submitted_ns + 1000 * (instance + 1);
    record.finished_ns = record.started_ns + 500;
    record.hash = 1000 * job + instance;
    return record;
}

inline JobRecord record_with(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                             std::uint32_t instance, Document outputs) {
    JobRecord record = record_of(pipeline, job, instance);
    record.outputs = std::make_shared<const Document>(std::move(outputs));
    return record;
}

inline JobRecord failed_record(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                               std::uint32_t instance, const std::string& error) {
    JobRecord record = record_of(pipeline, job, instance);
    record.status = JobStatus::failed;
    record.details = std::make_unique<OutcomeDetails>();
    record.details->reason = EndReason::exception;
    record.details->error = error;
    return record;
}

// A folder with a run directory in it; writers of ranks; collection.
class SampleRun {
public:
    SampleRun() { std::filesystem::create_directories(directory() / "segments"); }

    std::filesystem::path results() const { return folder_ / "run.h5"; }
    std::filesystem::path directory() const { return folder_ / "run.h5.run"; }
    std::filesystem::path folder() const { return folder_.path(); }

    WriterOptions options(std::uint32_t rank = 1, std::uint32_t incarnation = 1, std::uint32_t epoch = 1) const {
        WriterOptions options;
        options.run_directory = directory();
        options.rank = rank;
        options.incarnation = incarnation;
        options.epoch = epoch;
        options.interval = 1'000'000;
        return options;
    }

    // Writes the records as one segment.
    static void write(RecordWriter& writer, std::vector<JobRecord> records) {
        const std::uint64_t before = writer.durable();
        const std::uint64_t count = records.size();
        writer.add(std::move(records));
        wait_durable(writer, before + count);
    }
    // A timed wait would fail on a slow machine; this one ends when the writer's thread has ended its work or failed.
    static void wait_durable(RecordWriter& writer, std::uint64_t count) {
        while (writer.durable() < count && !writer.error()) {
            writer.flush_soon();
            std::this_thread::yield();
        }
        ASSERT_FALSE(writer.error()) << *writer.error();
    }

    std::vector<std::string> segments() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory() / "segments"))
            names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    }

    CollectReport collect(CollectOptions options = {}) const {
        return penstock::collect(directory(), results(), options);
    }

private:
    TemporaryFolder folder_;
};

using test::RandomValues;

}  // namespace penstock
