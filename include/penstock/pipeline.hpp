// Pipelines made in code: the same as definition files, checked by the same rules.
//
//     penstock::Job download("download", "Downloader"), words("words", "GetTextAndWords"), links("links", "GetLinks");
//     penstock::Pipeline pipeline("word-count", {{download, {words, links}}}, {{"url", "http://127.0.0.1:8000/"}});
//
// or, with everything a definition file can say,
//
//     penstock::Pipeline sweep("sweep");
//     sweep.add(penstock::Job("simulate", "Ising").range("seed", 0, 1000).for_each("beta", {0.1, 0.2}).cpus(2));
//     sweep.add(penstock::Job("mean", "Mean").like("simulate", {"beta"}).input("values", "simulate.energy"));
//
// A Pipeline holds what was said, in the order it was said, and nothing is looked up while it is made: names, keys,
// workers and circles are checked when it is started (PipelineManager::start) or asked for (problems()). serialize() is
// a definition file in JSON.
//
// Ownership: everything is held by value. Threads: distinct objects may be used from distinct threads. Errors:
// std::invalid_argument for a job that the pipeline does not have, or another job of a name it has; std::logic_error
// for what is asked at the wrong time.
#pragma once

#include <penstock/value.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock {

// One entry under `jobs:`. Each function that sets something returns the job itself, so that calls can be chained; what
// they mean, and what they allow, is written in docs/pipeline_format.md.
class Job {
public:
    explicit Job(std::string name) : Job(name, name) {}  // the worker of its own name
    Job(std::string name, std::string worker);

    Job& with(std::string key, Value value);  // one parameter
    Job& with(const Document& parameters);    // some

    // Values for instances: each call multiplies. `values` is a list, or a map in the form of definition files.
    Job& for_each(std::string name, List values) { return for_each_value(std::move(name), Value(std::move(values))); }
    Job& range(std::string name, std::int64_t start, std::int64_t stop, std::int64_t step = 1);
    Job& linspace(std::string name, double first, double last, std::int64_t count);
    Job& lines(std::string name, std::string file);
    Job& rows(std::string file);
    Job& zip(std::vector<std::pair<std::string, List>> values);
    // The same instances as another job; with `by` one for each different value of these names.
    Job& like(std::string job, std::vector<std::string> by = {});

    Job& after(std::string job_or_wildcard);
    Job& after(const Job& job) { return after(job.name()); }
    Job& after_ended(std::string job_or_wildcard);  // also when it failed

    // What becomes of an input whose job failed.
    enum class IfMissing { fail, drop, null };
    // `from`: "job.key", or with a wildcard "count-*.words".
    Job& input(std::string key, std::string from, IfMissing missing = IfMissing::fail);
    // A list of the values of several: gather("values", {"left.x", "right.x"}).
    Job& gather(std::string key, std::vector<std::string> from, IfMissing missing = IfMissing::fail);

    Job& retries(std::int64_t further_attempts);
    Job& timeout_s(double seconds);
    Job& priority(std::int64_t priority);
    Job& cpus(std::int64_t cpus);
    Job& memory_bytes(std::int64_t bytes);
    Job& resource(std::string name, std::int64_t amount);
    Job& run_inline();  // isolation: inline
    Job& save(std::vector<std::string> keys);
    Job& save_none();

    const std::string& name() const { return name_; }
    const std::string& worker() const { return worker_; }
    std::string repr() const;  // Job("words", "GetTextAndWords")

    // Same name and the same said about it.
    friend bool operator==(const Job& a, const Job& b);

private:
    friend class Pipeline;
    friend class PipelineForm;  // src/language: how jobs are written down and read
    struct ForEachMember {      // in the order of the calls, which is that of the instances
        std::string name;
        Value values;
        std::vector<std::pair<std::string, Value>> zip;  // for the name "zip"
        friend bool operator==(const ForEachMember&, const ForEachMember&) = default;
    };

    Job& for_each_value(std::string name, Value values);
    Job& set(std::string key, Value value);

    std::string name_;
    std::string worker_;
    std::vector<ForEachMember> for_each_;
    std::optional<Value> for_each_as_given_;  // of a deserialized definition: what is no map
    Document settings_;                       // all other keys, as under `jobs:`
};

class Pipeline {
public:
    // One side of an edge: a job, some, or none.
    class Nodes {
    public:
        Nodes() = default;
        Nodes(std::nullptr_t) {}
        Nodes(Job job) : jobs_{std::move(job)} {}
        Nodes(std::initializer_list<Job> jobs) : jobs_(jobs) {}
        Nodes(std::vector<Job> jobs) : jobs_(std::move(jobs)) {}
        const std::vector<Job>& jobs() const { return jobs_; }

    private:
        std::vector<Job> jobs_;
    };
    struct Arrow {
        Nodes from;
        Nodes to;
        Arrow(Nodes f, Nodes t = {}) : from(std::move(f)), to(std::move(t)) {}
    };
    using Graph = std::initializer_list<Arrow>;

    explicit Pipeline(std::string name, Document data = {});
    Pipeline(std::string name, Graph graph, Document data = {});

    // Adding an equal job again changes nothing.
    Pipeline& add(Job job);
    // Every job of `to` waits for every job of `from`; jobs that are not there yet are added.
    Pipeline& connect(const Nodes& from, const Nodes& to);
    Pipeline& data(std::string key, Value value);
    Pipeline& defaults(std::string key, Value value);  // retries, timeout, priority, ... of all jobs

    const std::string& name() const { return name_; }
    const Document& data() const { return data_; }
    std::vector<Job> jobs() const { return jobs_; }  // in the order of definition
    const Job& job(std::string_view name) const;
    bool has_job(std::string_view name) const;

    // Every "to waits for from", also those that inputs and `like` imply, wildcards written out: by `to`, then `from`,
    // in the order of definition, each once. Names of jobs that do not exist are left out.
    std::vector<std::pair<std::string, std::string>> graph() const;
    // Jobs that wait for none.
    std::vector<std::string> starters() const;

    // What is wrong with it that can be told without knowing the worker types: no jobs, unknown jobs, circles, bad
    // names and values. Empty when nothing is.
    std::vector<std::string> problems() const;

    // Following it by hand, job by job (a job with a for-each counts as one). A driver function has no need of it: the
    // manager follows the pipelines it started.
    std::vector<std::string> available_jobs() const;  // not finished, and waiting for none that is not
    void add_finished_job(std::string_view name);     // std::logic_error when it was finished already
    std::vector<std::string> finished_jobs() const;   // in the order they finished
    bool finished() const { return !jobs_.empty() && finished_.size() == jobs_.size(); }
    void set_started_at_s(double since_epoch_s) { started_at_s_ = since_epoch_s; }
    void set_finished_at_s(double since_epoch_s) { finished_at_s_ = since_epoch_s; }
    std::optional<double> started_at_s() const { return started_at_s_; }
    std::optional<double> finished_at_s() const { return finished_at_s_; }
    std::optional<double> duration_s() const;

    // The definition as JSON; what was followed by hand is no part of it.
    std::string serialize() const;
    // std::invalid_argument with all that is wrong, when `json` is no definition.
    static Pipeline deserialize(std::string_view json);

    std::string repr() const;                                // Pipeline("word-count": download, words, links)
    std::string to_dot() const;                              // Graphviz
    void save_dot(const std::filesystem::path& file) const;  // std::runtime_error when it cannot be written

    // The same definition: name, data, jobs in their order, and what waits for what.
    friend bool operator==(const Pipeline& a, const Pipeline& b);
    std::size_t hash() const;

private:
    friend class PipelineForm;
    std::size_t index_of(std::string_view name) const;
    std::vector<std::vector<std::size_t>> producers() const;  // of each job
    bool has_finished(std::size_t job) const;

    std::string name_;
    Document data_;
    Document defaults_;
    std::vector<Job> jobs_;
    std::unordered_map<std::string, std::size_t> index_;       // of jobs_, by name
    std::vector<std::pair<std::string, std::string>> arrows_;  // of connect(): from, to
    std::vector<std::size_t> finished_;
    std::optional<double> started_at_s_, finished_at_s_;
};

}  // namespace penstock

template <>
struct std::hash<penstock::Job> {
    std::size_t operator()(const penstock::Job& job) const noexcept { return std::hash<std::string>{}(job.name()); }
};
template <>
struct std::hash<penstock::Pipeline> {
    std::size_t operator()(const penstock::Pipeline& pipeline) const { return pipeline.hash(); }
};
