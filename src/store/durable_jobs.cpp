#include "store/durable_jobs.hpp"

#include "core/stream_position.hpp"
#include "store/catalog.hpp"
#include "store/collect.hpp"
#include "store/files.hpp"
#include "store/job_matcher.hpp"
#include "store/position_file.hpp"
#include "store/run_directory.hpp"
#include "store/run_sources.hpp"
#include "store/stored_values.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <numeric>
#include <unordered_map>

namespace penstock {

namespace {

std::string key_of(const std::string& pipeline, const std::string& instance) { return pipeline + '\0' + instance; }

// Keys of a command's outputs whose value is a file that stays where it is.
std::vector<std::string> path_keys(const JobTemplate& job) {
    std::vector<std::string> keys;
    const auto outputs = job.with.find("outputs");
    if (job.worker != "command" || outputs == job.with.end() || !outputs->second.is(Value::Type::map)) return keys;
    for (const auto& [key, output] : outputs->second.map()) {
        if (!output.is(Value::Type::map)) continue;
        const auto as = output.map().find("as");
        if (as != output.map().end() && as->second == Value("path")) keys.push_back(key);
    }
    return keys;
}

// Whether the file is as the job left it.
bool still_there(const Value& value) {
    if (!value.is(Value::Type::map)) return false;
    const Map& facts = value.map();
    if (!facts.contains("path") || !facts.contains("size") || !facts.contains("mtime")) return false;
    struct stat now {};
    if (::stat(at(facts, "path").string().c_str(), &now) != 0) return false;
    const std::int64_t mtime = std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec;
    return Value(std::int64_t{now.st_size}) == at(facts, "size") && Value(mtime) == at(facts, "mtime");
}

class FoundJobs final : public DurableJobs {
public:
    FoundJobs(const std::filesystem::path& run, const Options& options) : run_(run), options_(options) { load(); }

    std::uint64_t jobs() const override { return catalog_.jobs.size(); }
    const std::vector<std::string>& warnings() const override { return warnings_; }
    const std::vector<CollectReport::Damaged>& damaged() const override { return damaged_; }

    std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline) override {
        auto matcher = match(plan, pipeline);
        if (matcher == nullptr) return plan.is_stream() ? with_position(plan, pipeline, nullptr) : nullptr;
        if (const auto renumbering = matcher->renumbering()) {
            CollectOptions collection;
            collection.renumbering = renumbering.get();
            collect(run_, results_file_of(run_), collection);
            load();
            matcher = match(plan, pipeline);
        }
        drop_lost_files(plan, *matcher);
        const Catalog::Job* const row = plan.is_stream() ? matcher->first_kept() : nullptr;
        const bool spoilt = row != nullptr && !is_whole(plan, *row);
        if (spoilt) matcher->drop_all();
        matcher->drop_what_is_read_and_not_saved(options_.values_elsewhere);
        auto found = matcher->resumption(files_);
        return plan.is_stream() ? with_position(plan, pipeline, std::move(found), spoilt) : found;
    }

    std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline,
                                                 const Now& now) override {
        auto matcher = match(plan, pipeline);
        if (matcher == nullptr) {
            auto nothing = std::make_shared<Resumption>();
            nothing->history = std::make_shared<JobHistory>();
            nothing->files = files_;
            return nothing;
        }
        if (now.at_start != nullptr) matcher->drop_failures_before(*now.at_start);
        if (now.held != nullptr) matcher->take_held(*now.held);
        drop_lost_files(plan, *matcher);
        matcher->drop_what_is_read_and_not_saved(options_.values_elsewhere);
        return matcher->resumption(files_);
    }

private:
    // A file may be merged away between being read and getting a name of its own: then all is read again.
    void load() {
        constexpr int kTries = 20;
        for (int tries = 1;; ++tries) {
            read_all();
            if (name_files() || tries == kTries) return;
        }
    }

    void read_all() {
        RunSources files(run_);
        files.read(false, [&](SourcePool sources, Catalog catalog) {
            sources_ = std::move(sources);
            catalog_ = std::move(catalog);
        });
        warnings_ = files.warnings();
        damaged_ = files.damaged();
        last_loss_ = files.last_loss();
        warnings_.insert(warnings_.end(), catalog_.warnings.begin(), catalog_.warnings.end());
        pipelines_.clear();
        for (std::uint32_t p = 0; p < catalog_.pipelines.size(); ++p)
            pipelines_.emplace(key_of(catalog_.pipelines[p].name, catalog_.pipelines[p].instance), p);
        first_job_.assign(catalog_.pipelines.size() + 1, 0);
        for (const Catalog::Job& job : catalog_.jobs) ++first_job_[job.pipeline + 1];
        std::partial_sum(first_job_.begin(), first_job_.end(), first_job_.begin());
    }

    // A results file may be replaced while the run goes on, and segments of this launch are merged all the time: they
    // are read under names of their own. False when one has vanished.
    bool name_files() {
        static std::atomic<int> names{0};
        const auto results = results_file_of(run_);
        auto files = std::make_shared<std::vector<std::string>>();
        for (std::uint32_t s = 0; s < sources_.size(); ++s) {
            std::filesystem::path path = sources_.path(s);
            if (path == results || options_.in_launch) {
                const std::string name = path == results
                                             ? fmt::format("{}{}.h5", kEarlierResults, names++)
                                             : fmt::format("{}{}-{}", kHeldSegment, names++, path.filename().string());
                const auto same = run_directory_of(run_) / name;
                std::error_code ignored;
                std::filesystem::remove(same, ignored);
                if (::link(path.c_str(), same.c_str()) == 0)
                    path = same;
                else if (errno == ENOENT)
                    return false;
            }
            files->push_back(std::filesystem::absolute(path));
        }
        files_ = std::move(files);
        return true;
    }

    std::unique_ptr<JobMatcher> match(const Plan& plan, const PipelineInfo& pipeline) {
        const auto at = pipelines_.find(key_of(plan.name, pipeline.instance));
        if (at == pipelines_.end() || first_job_[at->second] == first_job_[at->second + 1]) return nullptr;
        auto matcher = std::make_unique<JobMatcher>(plan, pipeline, catalog_, sources_);
        matcher->match(first_job_[at->second], first_job_[at->second + 1], options_.retry_failed);
        return matcher;
    }

    // Whether all items are there that a stream which has ended had made. How many there were is in rank 0's segments,
    // but not in those that older versions have written: so nothing of its last launch may be known to be lost either.
    bool is_whole(const Plan& plan, const Catalog::Job& row) const {
        if (last_loss_ >= row.incarnation) return false;
        return std::all_of(plan.stages.begin(), plan.stages.end(), [&](const Stage& stage) {
            return stage.role != Stage::Role::results ||
                   !has_gap(row.pipeline, plan.templates[stage.from.front().value].name);
        });
    }

    bool has_gap(std::uint32_t pipeline, const std::string& stage) const {
        std::uint64_t there = 0;
        for (const PlacedRun& placed : catalog_.streams) {
            if (placed.run.pipeline != pipeline || catalog_.templates[placed.job_template].name != stage) continue;
            if (placed.run.first > there) return true;
            there = placed.run.end();
        }
        return false;
    }

    // Of a stream that has not ended, or of whose results some are lost: where it goes on, or why it does not.
    std::shared_ptr<const Resumption> with_position(const Plan& plan, const PipelineInfo& pipeline,
                                                    std::shared_ptr<const Resumption> found, bool spoilt = false) {
        const auto known = pipelines_.find(key_of(plan.name, pipeline.instance));
        if (known == pipelines_.end() || (found != nullptr && !found->history->kept.empty())) return found;
        auto now = found != nullptr ? std::make_shared<Resumption>(*found) : std::make_shared<Resumption>();
        if (now->history == nullptr) now->history = std::make_shared<JobHistory>();
        now->files = files_;
        const auto why =
            options_.values_elsewhere ? "its results are in a store of your own" : why_it_begins_again(plan);
        const auto saved =
            why ? std::nullopt
                : read_position(run_directory_of(run_), {std::shared_ptr<const Plan>(&plan, [](auto) {}), pipeline});
        if (saved && is_there(plan, known->second, *saved))
            now->position = std::make_shared<const StreamPosition>(saved->position);
        else
            now->begins_again = spoilt ? "some of what it had made is damaged or missing"
                                       : why.value_or("no position of it is durable, or it has changed since");
        return now;
    }

    // Whether all items that the position counts are durable, and none has been made anew since.
    bool is_there(const Plan& plan, std::uint32_t pipeline, const SavedPosition& saved) const {
        return std::all_of(saved.position.stored.begin(), saved.position.stored.end(), [&](const auto& each) {
            const auto& [job, stored] = each;
            const Stage& results = plan.stages[plan.template_of(JobIndex(job)).value];
            const std::string& stage = plan.templates[results.from.front().value].name;
            std::uint64_t there = 0;
            for (const PlacedRun& placed : catalog_.streams) {
                if (placed.run.pipeline != pipeline || catalog_.templates[placed.job_template].name != stage) continue;
                const bool newer = placed.run.generation() > std::tuple(saved.incarnation, stored.attempt);
                if (placed.run.first > there || (newer && placed.run.first < stored.items)) break;
                there = placed.run.end();
            }
            return there >= stored.items;
        });
    }

    void drop_lost_files(const Plan& plan, JobMatcher& matcher) {
        for (const JobTemplate& t : plan.templates) {
            const std::vector<std::string> keys = path_keys(t);
            if (keys.empty()) continue;
            for (std::uint32_t job = t.first_job.value; job < t.first_job.value + t.count; ++job)
                if (const Catalog::Job* const row = matcher.kept(job); row != nullptr && !files_stand(t, *row, keys))
                    matcher.drop(job);
        }
    }

    bool files_stand(const JobTemplate& t, const Catalog::Job& row, const std::vector<std::string>& keys) {
        if (row.status != JobStatus::succeeded) return true;
        return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
            if (!t.save.saves(key)) return true;  // nothing says how it was
            const auto value = values_->read((*files_)[row.source], row.row, key);
            return value && still_there(*value);
        });
    }

    std::filesystem::path run_;
    Options options_;
    std::vector<std::string> warnings_;
    std::vector<CollectReport::Damaged> damaged_;
    std::uint32_t last_loss_ = 0;  // RunSources::last_loss()
    SourcePool sources_{{}};
    Catalog catalog_;
    std::unordered_map<std::string, std::uint32_t> pipelines_;  // rows of the catalog
    std::vector<std::uint64_t> first_job_;                      // of each of them; one more at the end
    std::shared_ptr<const std::vector<std::string>> files_;     // of the sources
    std::unique_ptr<StoredValues> values_ = StoredValues::make();
};

}  // namespace

std::unique_ptr<DurableJobs> DurableJobs::read(const std::filesystem::path& run, const Options& options) {
    return std::make_unique<FoundJobs>(run, options);
}

}  // namespace penstock
