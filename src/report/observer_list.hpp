// Several observers of one run.
#pragma once

#include "report/observer.hpp"

#include <algorithm>
#include <vector>

namespace penstock {

// The observers must outlive it and are told in the order given.
class ObserverList : public RunObserver {
public:
    void add(RunObserver& observer) { observers_.push_back(&observer); }

    void roles(const std::vector<RoleLine>& roles) override {
        for (RunObserver* o : observers_) o->roles(roles);
    }
    void progress(const Progress& progress) override {
        for (RunObserver* o : observers_) o->progress(progress);
    }
    void waits(const std::vector<WaitingJobs>& waiting) override {
        for (RunObserver* o : observers_) o->waits(waiting);
    }
    bool wants_jobs() const override {
        return std::any_of(observers_.begin(), observers_.end(), [](const RunObserver* o) { return o->wants_jobs(); });
    }
    void jobs_ended(const JobsEnded& jobs) override {
        for (RunObserver* o : observers_) {
            if (o->wants_jobs()) o->jobs_ended(jobs);
        }
    }
    void attempt_failed(const JobsEnded& job) override {
        for (RunObserver* o : observers_) {
            if (o->wants_jobs()) o->attempt_failed(job);
        }
    }
    void stage_ended(const StageEnded& stage) override {
        for (RunObserver* o : observers_) o->stage_ended(stage);
    }
    void pipeline_ended(const PipelineEnded& pipeline) override {
        for (RunObserver* o : observers_) o->pipeline_ended(pipeline);
    }
    void message(Severity severity, std::string_view text) override {
        for (RunObserver* o : observers_) o->message(severity, text);
    }
    void ended(const RunSummary& summary) override {
        for (RunObserver* o : observers_) o->ended(summary);
    }

private:
    std::vector<RunObserver*> observers_;
};

}  // namespace penstock
