// Where a driver function and a stream that it feeds and reads meet: one for each such stream, at rank 0.
//
// Items that are put wait here until the broker of the input has credit for them; results that have come wait here
// until they are read. What is read late must not hold up the stream, or a driver function that puts everything before
// it reads would stand still: beyond kKept bytes a sink results go to a file. For the same reason put() waits for room
// only while the stream runs and has one input; else what is put goes to a file as well.
//
// Threads: the functions for the driver function may be called from any threads; those for the pump by it alone.
#pragma once

#include "core/plan.hpp"
#include "exec/stage_items.hpp"
#include "protocol/messages.hpp"
#include "run/item_spool.hpp"
#include "run/waker.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class StreamPort {
public:
    static constexpr std::uint64_t kKept = 16 << 20;          // bytes in memory, of each input and sink
    static constexpr std::uint64_t kPutItems = 8192;          // that put() may be ahead of what was sent
    static constexpr std::uint64_t kPutBytes = 4 << 20;       // or one item of any size
    static constexpr std::uint64_t kUnderWayItems = 8192;     // sent, and not yet on their way to the first stage
    static constexpr std::uint64_t kUnderWayBytes = 4 << 20;  // or one portion
    static constexpr std::uint64_t kWorthSending = 256;       // items, while others are under way

    StreamPort(std::shared_ptr<const Plan> plan, const std::filesystem::path& spill_folder);

    // ------------------------------------------------------------------------------ the driver function

    // Names of stages; in the order of the definition.
    std::vector<std::string> inputs() const;
    std::vector<std::string> sinks() const;

    enum class Put {
        taken,
        ended,    // the stream has ended by itself, or was stopped: nobody would see the item
        closed,   // close() was called before
        stopped,  // the run ends early
    };
    Put put(std::size_t input, const Value& item);  // throws ValueError for what cannot be sent
    void close(std::size_t input);
    void close_all();
    void stop();  // nothing of it is wanted any more

    struct Got {
        enum class What { item, ended, late, failed, stopped };
        What what = What::ended;
        Value item;
    };
    // `until`: nothing = however long it takes.
    Got get(std::size_t sink, std::optional<std::chrono::steady_clock::time_point> until);
    bool all_read(std::size_t sink) const;

    struct Failure {
        std::string stage;
        std::optional<std::uint64_t> item;
        std::string cause;
    };
    // After a Got::failed.
    Failure failure() const;
    // What feeds it failed: the stream is stopped, and readers are told so after what has come.
    void fail(Failure failure);

    // ------------------------------------------------------------------------------ the pump

    void attach(PipelineId id, Waker& waker);
    void detach();  // nothing comes or goes any more
    bool has_work() const { return has_work_.load(std::memory_order_acquire); }
    // Sends what may be sent. True when the stream is to be stopped, once.
    bool work(Outbox& out);

    void on(const msg::StreamItems& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamEnd& m);
    void on(const msg::StreamTaken& m, std::uint32_t from);
    void job_failed(JobIndex job, const std::string& error);  // the first that did
    void over(bool succeeded);
    void run_stops();

private:
    struct Input {
        Input(JobIndex j, std::string n, ItemSpool spool) : job(j), name(std::move(n)), waiting(std::move(spool)) {}
        JobIndex job;
        std::string name;
        ItemSpool waiting;
        std::optional<std::uint32_t> rank;   // of its broker, once the stream runs
        std::uint64_t items = 0, bytes = 0;  // under way
        std::uint64_t sent = 0;              // in all
        bool closed = false, end_told = false;
    };
    struct Sink {
        Sink(JobIndex j, std::string n, ItemSpool spool) : job(j), name(std::move(n)), arrived(std::move(spool)) {}
        JobIndex job;
        std::string name;
        ItemSpool arrived;
        std::uint64_t received = 0;
        bool ended = false, failed = false;
        bool all_read = false;
        std::mutex reading;  // guards the next
        std::optional<ItemReader> reader;
    };

    bool may_put(const Input& in) const;
    void send(Input& in, Outbox& out);
    void spill_failed(const std::string& text);
    void wake();

    const std::shared_ptr<const Plan> plan_;
    mutable std::mutex mutex_;  // guards all but Sink::reader
    std::condition_variable changed_;
    std::deque<Input> inputs_;
    std::deque<Sink> sinks_;
    PipelineId id_;
    Waker* waker_ = nullptr;
    std::atomic<bool> has_work_ = false;
    bool stop_asked_ = false, stop_told_ = false;
    bool over_ = false, run_stops_ = false;
    std::optional<Failure> failure_;
};

}  // namespace penstock
