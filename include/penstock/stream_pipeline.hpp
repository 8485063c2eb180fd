// Streams made in code: stages put together with `|`, fed and read by the driver function.
//
//     const auto titles = source(urls) | stage<Fetch>({{"retries", 2}}).workers(4).queue(30) | stage<Title>();
//     const StreamPipeline pipeline("titles", titles | fold<MostCommon>());
//     ...in the driver function:
//     const std::optional<Value> top = manager.stream(pipeline).execute();
//
// or, item by item,
//
//     StreamHandle squares = manager.stream(StreamPipeline("squares", stage<Square>().workers(4).ordered()));
//     for (int i = 0; i < 100; ++i) squares.put(i);
//     squares.close();
//     for (const Value& square : squares.results()) ...
//
// A StageSpec is a stage as `stages:` of a definition file has it; a Flow is one or more of them with what lies before.
// Both are values: composing, and each function that sets something, makes a new one and changes none of its operands.
// One StageSpec can stand in many places, each of which is a stage of its own; two stages behind one Flow are a fork,
// and each gets every item:
//
//     const Flow pages = source(urls) | stage<Fetch>();
//     const StreamPipeline both("both", {pages | stage<Title>(), pages | stage<Links>()});
//
// The first stages of a Flow take what is put into the stream, unless they are sources. What comes out of stages whose
// items no other takes (sinks) is stored in `/streams` of the results, and read with the handle.
//
// Errors: std::invalid_argument for what can be told at once; the rest (unknown workers, names, circles, a fold with
// workers that cannot be combined, ...) is a PipelineError of PipelineManager::stream(), by the same checks as for
// definition files. See docs/streams_in_cpp.md.
#pragma once

#include <penstock/pipeline_manager.hpp>
#include <penstock/value.hpp>
#include <penstock/worker.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock {

// What becomes of an item whose worker fails.
enum class ItemFailure : std::uint8_t { fail, skip, retry };

// One entry under `stages:`; what the functions mean is written in docs/pipeline_format.md, section 11.
class StageSpec {
public:
    // Gives the items of a source one after another, then nothing. Called in a thread of its own at rank 0.
    using Items = std::function<std::optional<Value>()>;
    static std::optional<Value> item(Value value) noexcept;

    explicit StageSpec(std::string worker, Document with = {});

    [[nodiscard]] StageSpec named(std::string name) const;  // else that of its worker
    [[nodiscard]] StageSpec with(std::string key, Value value) const;
    [[nodiscard]] StageSpec workers(std::int64_t workers) const;  // at least 1
    [[nodiscard]] StageSpec queue(std::int64_t items) const;      // at least 0, which is the default
    [[nodiscard]] StageSpec setup(std::int64_t workers_there, std::int64_t items) const {
        return workers(workers_there).queue(items);
    }
    [[nodiscard]] StageSpec ordered(bool keeps_order = true) const;
    [[nodiscard]] StageSpec on_error(ItemFailure what) const;
    [[nodiscard]] StageSpec retries(std::int64_t further_attempts) const;  // on_error(ItemFailure::retry)
    [[nodiscard]] StageSpec timeout(double seconds) const;                 // of each attempt at an item
    [[nodiscard]] StageSpec cpus(std::int64_t cpus) const;
    [[nodiscard]] StageSpec memory_bytes(std::int64_t bytes) const;
    [[nodiscard]] StageSpec resource(std::string name, std::int64_t amount) const;
    [[nodiscard]] StageSpec priority(std::int64_t priority) const;
    [[nodiscard]] StageSpec run_inline() const;
    // Of a sink: what comes out of it is not stored, only read.
    [[nodiscard]] StageSpec save_none() const;
    // Nothing comes out of it, whatever its worker makes.
    [[nodiscard]] StageSpec dead_end() const;

    const std::string& name() const { return name_; }  // "" = that of its worker
    const std::string& worker() const { return worker_; }
    const Document& settings() const { return settings_; }  // as under `stages:`, but for the worker and `with`
    const Document& parameters() const { return with_; }

private:
    friend class Flow;
    friend class FlowJoin;
    friend class StreamForm;
    friend class StreamPipeline;
    friend StageSpec source(std::string worker, Document with);
    friend StageSpec input(std::string name);
    friend StageSpec source_of(std::function<Items()> begin);

    StageSpec set(std::string key, Value value) const;
    StageSpec marked_as_source() const;

    std::string name_;
    std::string worker_;
    Document with_;
    Document settings_;
    bool is_source_ = false;
    bool is_input_ = false;  // fed by the driver function, or by
    std::function<Items()> feed_;
    bool dead_end_ = false;
};

// Makes a stage of a worker type; its class says whether it is a map, a generator or a fold.
template <WorkerClass T>
StageSpec stage(Document with = {}) {
    static_assert(stage_form<T>() != StageForm::source, "use source<T>() for a source");
    return StageSpec(std::string(std::string_view(T::kName)), std::move(with));
}
// Of a type by its name: a built-in one.
inline StageSpec stage(std::string worker, Document with = {}) { return StageSpec(std::move(worker), std::move(with)); }
// The same as stage<T>(), for a fold and nothing else.
template <WorkerClass T>
StageSpec fold(Document with = {}) {
    static_assert(stage_form<T>() == StageForm::fold, "fold<T>() needs a fold: a class derived from FoldWorker");
    return stage<T>(std::move(with));
}

// A source that runs at a broker.
StageSpec source(std::string worker, Document with);
template <WorkerClass T>
StageSpec source(Document with = {}) {
    static_assert(stage_form<T>() == StageForm::source, "source<T>() needs a class derived from SourceWorker");
    return source(std::string(std::string_view(T::kName)), std::move(with));
}
// Items that the handle puts; several inputs are told apart by their names. A Flow that begins with another stage than
// a source needs none: it takes what is put into the input called `input`.
StageSpec input(std::string name = "input");

// Items made at rank 0, anew for each time the stream is run: `begin` gives a function that gives them.
StageSpec source_of(std::function<StageSpec::Items()> begin);

// The elements of a range that is kept: copied, or moved here. A range that can be read once only (an input range) must
// be one that can be copied.
template <std::ranges::input_range R>
requires(std::convertible_to<std::ranges::range_reference_t<std::remove_cvref_t<R>>, Value> &&
         !std::convertible_to<R, std::string_view>) StageSpec source(R&& range) {
    auto kept = std::make_shared<std::remove_cvref_t<R>>(std::forward<R>(range));
    if constexpr (std::ranges::forward_range<const std::remove_cvref_t<R>>) {
        return source_of([kept] {
            return [kept, at = std::ranges::begin(std::as_const(*kept))]() mutable -> std::optional<Value> {
                if (at == std::ranges::end(std::as_const(*kept))) return std::nullopt;
                return StageSpec::item(*at++);
            };
        });
    } else {
        return source_of([kept] {
            auto own = std::make_shared<std::remove_cvref_t<R>>(*kept);
            auto at = std::make_shared<std::ranges::iterator_t<std::remove_cvref_t<R>>>(std::ranges::begin(*own));
            return [own, at]() -> std::optional<Value> {
                if (*at == std::ranges::end(*own)) return std::nullopt;
                std::optional<Value> item = StageSpec::item(**at);
                ++*at;
                return item;
            };
        });
    }
}

// A function that gives one item after another, then std::nullopt; copied for each time the stream is run.
template <class F>
requires(std::copy_constructible<F>&& std::convertible_to<std::invoke_result_t<F&>, std::optional<Value>>) StageSpec
    source(F next) {
    return source_of([next]() -> StageSpec::Items { return next; });
}

// Stages with what lies before them. A StageSpec is a Flow of one.
class Flow {
public:
    Flow(StageSpec stage);

    // The first stages of `right` that are no sources take what comes out of `left`.
    friend Flow operator|(const Flow& left, const Flow& right);
    // Appends: flow = flow | right.
    Flow& operator|=(const Flow& right);

    struct Node;  // src/language/stream_flow.hpp

private:
    friend class StreamPipeline;
    friend class StreamForm;
    friend class FlowJoin;
    Flow() = default;

    std::vector<std::shared_ptr<const Node>> ends_;
    std::string merge_;  // how what follows takes the items of several ends; "" = it was not said
};

Flow operator|(const Flow& left, const Flow& right);

// Several flows as one. Behind fork() comes nothing but the end of the pipeline: each is a branch. Behind the others
// comes a stage that takes items of all, in the way their names say (`merge` of definition files).
namespace merge {
Flow any(std::vector<Flow> flows);
Flow concat(std::vector<Flow> flows);
Flow interleave(std::vector<Flow> flows);
Flow zip(std::vector<Flow> flows);
}  // namespace merge
Flow fork(std::vector<Flow> branches);

// A stream that can be run, any number of times.
class StreamPipeline {
public:
    StreamPipeline(std::string name, const Flow& flow) : StreamPipeline(std::move(name), {flow}) {}
    StreamPipeline(std::string name, std::initializer_list<Flow> flows)
        : StreamPipeline(std::move(name), std::vector<Flow>(flows)) {}
    StreamPipeline(std::string name, std::vector<Flow> flows);

    [[nodiscard]] StreamPipeline data(std::string key, Value value) const;  // for placeholders in `with`

    const std::string& name() const { return name_; }
    std::vector<std::string> stages() const;  // in the order in which items flow
    std::vector<std::string> sinks() const;   // those that can be read
    std::vector<std::string> inputs() const;  // those that can be put into
    // Who takes items from whom, by consumer.
    std::vector<std::pair<std::string, std::string>> graph() const;
    // The definition as JSON. Inputs are stages of the worker `@driver`, which only the driver function of a program
    // has.
    std::string serialize() const;

private:
    friend class StreamForm;
    struct Placed;  // a stage with its name
    std::string name_;
    Document data_;
    std::vector<std::shared_ptr<const Placed>> placed_;
};

// A stage has failed. Comes after the results that were made before.
class StreamError : public std::runtime_error {
public:
    StreamError(std::string stage, std::optional<std::uint64_t> item, std::string cause);
    const std::string& stage() const { return stage_; }  // "" when it was no stage
    // Which of the stage's items, counted from 0 in the order in which they came to it (where several workers before it
    // send them: of those that one has sent); nothing when it was not an item's.
    std::optional<std::uint64_t> item() const { return item_; }
    const std::string& cause() const { return cause_; }  // what() of the worker's exception, or what ended its process

private:
    std::string stage_;
    std::optional<std::uint64_t> item_;
    std::string cause_;
};

// A stream that runs, from PipelineManager::stream(). When the handle is destroyed before the stream has ended, the
// stream is stopped, as by stop(): an exception that passes through the driver function leaves none behind.
//
// Threads: as for PipelineManager. Errors: PipelineError for what is wrong (an item put after close(), an unknown
// name), StreamError when the stream failed, RunStopped when the run ends early.
class StreamHandle {
public:
    class Impl;
    explicit StreamHandle(std::unique_ptr<Impl> impl);
    StreamHandle(StreamHandle&&) noexcept;
    StreamHandle& operator=(StreamHandle&&) noexcept;
    ~StreamHandle();

    PipelineNumber number() const;

    // Hands over one item. Waits while the stream is behind by thousands of items or some MiB. It never waits for
    // results to be read. False when nobody would see the item, because the stream has failed or was stopped.
    bool put(const Value& item);  // there is one input
    bool put(std::string_view input, const Value& item);
    void close();  // no more items, at no input
    void close(std::string_view input);

    // The next result; nothing at the end of the results. They are in the order of the sink.
    std::optional<Value> get();  // there is one sink
    std::optional<Value> get(std::string_view sink);
    // Waits so many seconds at most; ended() tells whether nothing has come or nothing will.
    std::optional<Value> get(double timeout_s);
    std::optional<Value> get(std::string_view sink, double timeout_s);
    bool ended() const;
    bool ended(std::string_view sink) const;

    // The results that have not been read yet, each once: for (const Value& item : handle.results()).
    class Results;
    Results results();
    Results results(std::string_view sink);

    // Closes, reads all results, and returns the last one; nothing when there was none.
    std::optional<Value> execute();
    std::optional<Value> execute(std::string_view sink);

    // Ends the stream as soon as possible: worker processes are killed within what they do. Nothing more can be read;
    // what was stored until then counts as its results.
    void stop();
    // Until the stream has ended and its results are durable. Closes it first.
    PipelineStatus wait();

private:
    std::unique_ptr<Impl> impl_;
};

class StreamHandle::Results {
public:
    class Iterator {
    public:
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;
        Iterator() = default;
        const Value& operator*() const { return *item_; }
        Iterator& operator++() {
            item_ = results_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& at, std::default_sentinel_t) { return !at.item_; }

    private:
        friend class Results;
        explicit Iterator(Results* results) : results_(results), item_(results->next()) {}
        Results* results_ = nullptr;
        std::optional<Value> item_;
    };
    Iterator begin() { return Iterator(this); }
    std::default_sentinel_t end() const { return {}; }

private:
    friend class StreamHandle;
    explicit Results(std::function<std::optional<Value>()> next) : next_(std::move(next)) {}
    std::optional<Value> next() { return next_(); }
    std::function<std::optional<Value>()> next_;
};

}  // namespace penstock
