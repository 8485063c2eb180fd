// The writer of one rank: takes records from the pump, makes segments of them on a thread of its own, and says up to
// which record all is durable.
//
// Threads: add(), durable(), error() and flush_soon() are called by the pump and never block; everything that touches
// HDF5 or the disk happens on the writer's thread. Bounded: at most `max_pending_bytes` wait; full() tells the pump to
// hold back new starts.
#pragma once

#include "store/record.hpp"

#include <penstock/store.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct WriterOptions {
    std::filesystem::path run_directory;
    std::uint32_t incarnation = 1;  // of the run
    std::uint32_t rank = 0;
    std::uint32_t epoch = 1;                    // of this broker within the incarnation
    Nanoseconds interval = 200'000'000;         // between segments under load
    std::uint64_t segment_bytes = 32ull << 20;  // a segment is cut earlier when this much is pending
    std::uint64_t max_pending_bytes = 512ull << 20;
    std::uint64_t max_value_bytes = 16ull << 30;  // a larger array, string or bytes value is refused
    std::unique_ptr<Store> values;                // where values go instead of the segments; null = HDF5
    std::function<void()> wake;                   // any thread: durable() advanced or error() is set
};

class RecordWriter {
public:
    virtual ~RecordWriter() = default;  // stops; what is pending is written first

    virtual void add(std::vector<JobRecord> records) = 0;
    virtual void add(PipelineRecord record) = 0;
    // Is durable when a job record that is added later is, and when durable_items() counts it. Items that cannot be
    // stored are left out, and the next success of the job `STAGE@results` of that pipeline is refused for it.
    virtual void add(StreamRecord record) = 0;
    // Gives the outputs of what will be a record to WriterOptions::values now, so that the attempt can still fail. What
    // came of it is in saved(); the record is added afterwards, with JobRecord::saved.
    virtual void save_first(std::uint64_t ticket, JobRecord outputs) = 0;
    struct Saved {
        std::uint64_t ticket = 0;
        std::string error;  // "" = it is in the store
    };
    virtual std::vector<Saved> saved() = 0;
    // Nothing else is in hand: write now instead of waiting for the interval.
    virtual void flush_soon() = 0;

    // How many of the job records given to add() so far, in that order, are durable.
    virtual std::uint64_t durable() const = 0;
    // How many of the records of streams, likewise.
    virtual std::uint64_t durable_items() const = 0;
    virtual bool full() const = 0;
    // A record whose values could not be stored (one value too big, a user's Store that threw): the attempt failed, and
    // is recorded as a failed one. Known here before durable() counts the record.
    struct Refused {
        std::uint64_t record = 0;  // 0 = the first record ever given to add()
        std::string error;
    };
    virtual std::vector<Refused> refused() = 0;
    // The disk is full, the directory is gone: nothing more becomes durable. Names file, reason and remedy.
    virtual std::optional<std::string> error() const = 0;

    // Writes what is pending, merges this rank's segments down to a few, and ends the thread.
    virtual void stop() = 0;
};

std::unique_ptr<RecordWriter> make_record_writer(WriterOptions options);

}  // namespace penstock
