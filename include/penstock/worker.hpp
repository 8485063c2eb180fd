// Worker types: the code of a job.
//
// A worker type is a class derived from Worker, listed in Application<...>:
//
//     class Square : public penstock::Worker {
//     public:
//         static constexpr std::string_view kName = "Square";
//         static penstock::Keys needs() { return {"x"}; }
//         static penstock::Keys makes() { return {"square"}; }
//         penstock::Document process(const penstock::Document& in, penstock::Context&) override {
//             const double x = at(in, "x").number();
//             return {{"square", x * x}};
//         }
//     };
//
// (The design calls the first list `requires`; that word is a keyword of C++20, so it is `needs` here.)
//
// needs()/makes() may instead take the job's parameters (`with:`, before substitution) when the keys depend on them;
// a type may also have `static std::vector<std::string> check(const Document& with)`, which returns what is wrong with
// the parameters, one sentence each: it becomes a diagnostic of the definition file.
//
// A class may also be a stage of a stream: see stream.hpp.
//
// Lifetime: one object serves many jobs, one after another, in one worker process (or executor thread); start() is
// called once before the first. Threads: process() is never called twice at once on one object.
// Errors: an exception from process() fails the job with its what().
#pragma once

#include <penstock/stream.hpp>
#include <penstock/value.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

using Keys = std::vector<std::string>;

// What a running job can ask and tell. Valid only during process().
class Context {
public:
    virtual ~Context() = default;

    virtual std::string_view pipeline() const = 0;  // name of the pipeline
    virtual std::string_view job() const = 0;       // name of the job, without the instance
    virtual std::string instance() const = 0;       // "seed=0,beta=0.1", or "" for a job without for-each
    virtual int attempt() const = 0;                // 1, 2, ...
    virtual int cpus() const = 0;                   // CPUs granted to this job

    // Of a stage of a stream: which of its workers this is, counted from 0, and how many there are.
    virtual std::uint32_t worker() const { return 0; }
    virtual std::uint32_t workers() const { return 1; }

    // `with:` of the job, placeholders filled in.
    virtual const Document& parameters() const = 0;
    // The folder of the definition file; where relative paths of parameters resolve.
    virtual const std::filesystem::path& definition_directory() const = 0;

    // A directory for this attempt alone, made on first use, removed when the job succeeds.
    virtual const std::filesystem::path& scratch() = 0;

    // A line in the job's log (`penstock log RUN JOB`).
    virtual void log(std::string_view line) = 0;
    // True when the job should stop early: the run ends, or its time is up. process() may then throw.
    virtual bool cancelled() const = 0;
    // How far the job is, 0 to 1.
    virtual void progress(double fraction) = 0;
};

class Worker {
public:
    virtual ~Worker() = default;
    // Called once in the worker process, before the first job.
    virtual void start() {}
    // One job. `in` holds the needed keys and the explicit `inputs`; the result is what the job makes.
    virtual Document process(const Document& in, Context& context) = 0;
};

// What the engine knows of a worker type. Made by worker_type<T>(), or by hand by the engine's own special types.
struct WorkerType {
    std::string name;
    std::function<Keys(const Document& with)> needs;
    std::function<Keys(const Document& with)> makes;
    std::function<std::vector<std::string>(const Document& with)> check;
    std::function<std::unique_ptr<Worker>()> create;  // null for a stage worker
    StageForm form = StageForm::none;                 // of a stage worker; a Worker is used as a map
    std::function<std::unique_ptr<StageWorker>()> create_stage;
    bool snapshots = false;  // a fold that has snapshot() and restore(),
    bool combines = false;   // and combine()
    bool seeks = false;      // a source that has skip()
    bool repeats = false;    // a generator that has kRepeatable
    // For types whose form depends on their parameters, and on whether they take items; instead of form and
    // create_stage.
    std::function<StageForm(const Document& with, bool takes_items)> form_of;
    std::function<std::unique_ptr<StageWorker>(StageForm form)> create_form;
    // The engine itself does what it does: passes items on while few enough are on their way behind it (`sample`).
    bool samples = false;
    // The type fills in the placeholders of its parameters itself (the `command` type: shell quoting, list arguments).
    bool fills_placeholders = false;
    // The broker runs the job without a worker process (`command`: the program is a process of its own already).
    bool external = false;
};

using WorkerTypes = std::vector<WorkerType>;

template <class T>
constexpr StageForm stage_form() {
    if constexpr (std::derived_from<T, MapWorker>)
        return StageForm::map;
    else if constexpr (std::derived_from<T, GeneratorWorker>)
        return StageForm::generator;
    else if constexpr (std::derived_from<T, FoldWorker>)
        return StageForm::fold;
    else if constexpr (std::derived_from<T, SourceWorker>)
        return StageForm::source;
    else
        return StageForm::none;
}

// Whether the class has a function of its own for one that a fold may have.
template <class T>
constexpr bool has_snapshots() {
    if constexpr (std::derived_from<T, FoldWorker> && !requires { T::kRuns; })
        return !std::same_as<decltype(&T::snapshot), decltype(&FoldWorker::snapshot)> &&
               !std::same_as<decltype(&T::restore), decltype(&FoldWorker::restore)>;
    else
        return false;
}

template <class T>
constexpr bool has_combine() {
    if constexpr (has_snapshots<T>())
        return !std::same_as<decltype(&T::combine), decltype(&FoldWorker::combine)>;
    else
        return false;
}

template <class T>
constexpr bool has_skip() {
    if constexpr (std::derived_from<T, SourceWorker>)
        return !std::same_as<decltype(&T::skip), decltype(&SourceWorker::skip)>;
    else
        return false;
}

template <class T>
constexpr bool is_repeatable() {
    if constexpr (std::derived_from<T, GeneratorWorker> && requires { T::kRepeatable; })
        return T::kRepeatable;
    else
        return false;
}

template <class T>
concept Named = requires { std::string_view(T::kName); };

template <class T>
concept WorkerClass = (std::derived_from<T, Worker> || stage_form<T>() != StageForm::none) && Named<T> &&
                      std::default_initializable<T>;

template <WorkerClass T>
WorkerType worker_type() {
    WorkerType type;
    type.name = std::string(std::string_view(T::kName));
    type.needs = [](const Document& with) -> Keys {
        if constexpr (requires { T::needs(with); })
            return T::needs(with);
        else if constexpr (requires { T::needs(); })
            return T::needs();
        else
            return {};
    };
    type.makes = [](const Document& with) -> Keys {
        if constexpr (requires { T::makes(with); })
            return T::makes(with);
        else if constexpr (requires { T::makes(); })
            return T::makes();
        else
            return {};
    };
    type.check = [](const Document& with) -> std::vector<std::string> {
        if constexpr (requires { T::check(with); })
            return T::check(with);
        else
            return {};
    };
    if constexpr (std::derived_from<T, Worker>) type.create = [] { return std::make_unique<T>(); };
    type.form = stage_form<T>();
    type.snapshots = has_snapshots<T>();
    type.combines = has_combine<T>();
    type.seeks = has_skip<T>();
    type.repeats = is_repeatable<T>();
    if constexpr (stage_form<T>() != StageForm::none) type.create_stage = [] { return std::make_unique<T>(); };
    return type;
}

}  // namespace penstock
