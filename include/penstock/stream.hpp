// Stage workers: the code of a stage of a stream.
//
// A stage worker is a class derived from one of the four forms below, listed in Application<...> like a job's worker:
//
//     class Fetch : public penstock::MapWorker {
//     public:
//         static constexpr std::string_view kName = "Fetch";
//         std::optional<penstock::Value> on_item(const penstock::Value& url, penstock::Context&) override {
//             return download(url.string());  // std::nullopt: nothing comes of this item
//         }
//     };
//
// and may have `static std::vector<std::string> check(const Document& with)` as in worker.hpp. A job's worker
// (penstock::Worker) can be used as a map stage too: an item that is a map is its document, any other is the key `item`
// of one; the document it makes is the resulting item.
//
// Items are any Value; null, false, 0, "" and [] are items like others. Context::parameters() is the stage's `with:`;
// Context::worker() of Context::workers() says which of the stage's workers this is: a source with several splits its
// work by them.
//
// Lifetime: one object is one worker of one stage of one stream; start() is called once, in the worker process, before
// the first item. When the process dies, another object takes over with the next item. Threads: no function is called
// while another one runs. Errors: an exception of on_item() fails that item, and what follows is the stage's
// `on-error`; an exception of start(), finish() or generate() fails the stream.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>

namespace penstock {

class Context;

// Takes the results of a stage worker. Calls block while the stages after this one are behind.
class Emit {
public:
    virtual void operator()(Value item) = 0;

protected:
    ~Emit() = default;
};

class StageWorker {
public:
    virtual ~StageWorker() = default;
    virtual void start(Context&) {}
};

// One result an item; std::nullopt drops the item.
class MapWorker : public StageWorker {
public:
    virtual std::optional<Value> on_item(const Value& item, Context& context) = 0;
};

// Any number of results an item. They leave when the item is done with; but of more than 2,048 results or 1 MiB the
// first ones leave before, and the item can then be tried again only if the class has `static constexpr bool
// kRepeatable = true`: of the same item it makes the same results in the same order each time, so that those that have
// left are left out.
class GeneratorWorker : public StageWorker {
public:
    virtual void on_item(const Value& item, Emit& emit, Context& context) = 0;
};

// Sees every item, and says what came of them when there are no more. finish() is not called when the stream failed.
class FoldWorker : public StageWorker {
public:
    virtual void on_item(const Value& item, Context& context) = 0;
    virtual void finish(Emit& emit, Context& context) = 0;

    // A fold may offer these two, which belong together: what has come of the items so far, as a value, and the way
    // back into a fresh object, after its start(). Then the end of its worker process does not fail the stream: another
    // object is given the latest snapshot, and the items since then once more.
    virtual Value snapshot(Context&) { throw std::logic_error("this fold has no snapshot()"); }
    virtual void restore(const Value&, Context&) { throw std::logic_error("this fold has no restore()"); }
    // And with snapshot() this one: adds what another object of the class has seen, of which `state` is the snapshot.
    // Then the stage may have several workers, each of which sees a part of the items; one object combines them and
    // finishes.
    virtual void combine(const Value& state, Context&) {
        (void)state;
        throw std::logic_error("this fold has no combine()");
    }
};

// Where items come from. Should return soon when Context::cancelled().
class SourceWorker : public StageWorker {
public:
    virtual void generate(Emit& emit, Context& context) = 0;

    // A source that makes the same items in the same order each time may offer this one: generate(), which comes next,
    // is to leave out the first `items`. A stream can then go on from there in a later launch (docs/resume.md).
    virtual void skip(std::uint64_t items, Context&) {
        (void)items;
        throw std::logic_error("this source has no skip()");
    }
};

enum class StageForm : std::uint8_t { none, map, generator, fold, source };

}  // namespace penstock
