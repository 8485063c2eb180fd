// The PipelineManager a driver function gets.
#pragma once

#include "cli/pipeline_ledger.hpp"
#include "cli/submitter.hpp"
#include "store/results.hpp"

#include <penstock/application.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace penstock {

class Manager final : public PipelineManager {
public:
    struct Setup {
        const WorkerTypes& types;
        std::filesystem::path run_directory;
        std::vector<std::string> arguments;
        bool store_provides_keys = false;
        std::unique_ptr<Store> values;  // where values are when they are not in the run directory; else null
        // "" when every job of the plan fits some host.
        std::function<std::string(const Plan&)> refuse;
    };
    explicit Manager(Setup setup) : setup_(std::move(setup)) {}

    // Between these two it may be used by the driver function.
    void attach(Submitter& submitter) { submitter_ = &submitter; }
    void detach() { submitter_ = nullptr; }
    // To be told of pipelines that end.
    RunObserver& observer() { return ledger_; }

    PipelineNumber start(const Pipeline& pipeline) override;
    PipelineNumber start(const Pipeline& pipeline, const Document& data) override;
    PipelineNumber start(Submission submission);
    StreamHandle stream(const StreamPipeline& pipeline) override;

    bool finished(PipelineNumber pipeline) const override { return ledger_.status(pipeline).finished(); }
    bool finished(const Pipeline& pipeline) const override;
    PipelineStatus status(PipelineNumber pipeline) const override { return ledger_.status(pipeline); }
    PipelineStatus wait(PipelineNumber pipeline) override { return ledger_.wait(pipeline, stopping()); }
    std::optional<PipelineStatus> wait_any() override { return ledger_.wait_any(stopping()); }
    std::vector<PipelineStatus> wait_all() override { return ledger_.wait_all(stopping()); }
    std::vector<PipelineStatus> pipelines() const override { return ledger_.list(PipelineLedger::Which::all); }
    std::vector<PipelineStatus> started_pipelines() const override {
        return ledger_.list(PipelineLedger::Which::running);
    }
    std::vector<PipelineStatus> finished_pipelines() const override {
        return ledger_.list(PipelineLedger::Which::finished);
    }

    std::optional<Document> results(PipelineNumber pipeline, std::string_view job, std::string_view instance) override;
    std::vector<ResultRow> rows(PipelineNumber pipeline, std::string_view job) override;
    std::vector<JobFailure> failures(PipelineNumber pipeline) override;

    const std::vector<std::string>& arguments() const override { return setup_.arguments; }

private:
    std::function<bool()> stopping() const;
    Submitter& submitter() const;
    std::shared_ptr<const Plan> plan_of(const Pipeline& pipeline, const Document& data);
    Submission next_run_of(const StreamPipeline& pipeline);
    std::shared_ptr<const Plan> validated(const Pipeline& pipeline, const Document& data) const;
    const JobTemplate& job_of(const Plan& plan, std::string_view job) const;
    Results* up_to_date_results(bool pipeline_runs);
    std::optional<Document> from_store(const PipelineStatus& pipeline, const JobTemplate& job,
                                       const std::string& instance);

    Setup setup_;
    PipelineLedger ledger_;
    std::atomic<Submitter*> submitter_ = nullptr;

    std::mutex reading_;  // guards the rest
    std::unique_ptr<Results> results_;
    std::uint64_t finished_when_read_ = 0;

    // Pipelines started, by name. Those that differ only in their own data share a plan, as long as the data have the
    // same keys.
    struct Known {
        Pipeline pipeline;
        std::map<Keys, std::shared_ptr<const Plan>> plans;  // by the keys of own data
    };
    // Streams started, by name. Those that are written alike share a plan, whatever feeds them.
    struct KnownStream {
        std::string text;
        std::shared_ptr<const Plan> plan;
        std::int64_t runs = 0;
    };
    mutable std::mutex planning_;  // guards the next two
    std::map<std::string, Known> known_;
    std::map<std::string, KnownStream> streams_;
};

}  // namespace penstock
