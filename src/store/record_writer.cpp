#include "store/record_writer.hpp"

#include "core/stage_counts.hpp"
#include "store/large_values.hpp"
#include "store/run_directory.hpp"
#include "store/segment_merger.hpp"
#include "store/segment_tables.hpp"
#include "store/storable.hpp"
#include "store/store_error.hpp"
#include "store/stream_intake.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace penstock {

namespace {

using Clock = std::chrono::steady_clock;

// The writer's thread sleeps until a segment is due; so much waiting wakes it earlier, to be made into columns.
constexpr std::size_t kWakeBytes = 4u << 20;
// flush_soon() writes at once, but not more often in a row than this ...
constexpr double kMostFlushes = 4;
// ... and then as often as segments come under load: so many a base interval.
constexpr double kFlushesPerInterval = 1;
// Segments come more slowly as a run gets longer: their interval grows by the base interval every so many of them, ...
constexpr std::uint64_t kSegmentsPerStep = 500;
// ... to at most this many times the base interval.
constexpr std::uint64_t kMostSteps = 10;

class SegmentRecordWriter final : public RecordWriter {
public:
    explicit SegmentRecordWriter(WriterOptions options)
        : options_(std::move(options)),
          directory_(segments_folder_of(options_.run_directory)),
          writer_{options_.incarnation, options_.rank, options_.epoch},
          large_(directory_, writer_),
          merger_(directory_),
          streams_(options_.values.get(), options_.incarnation, options_.max_value_bytes),
          tables_(empty_tables()),
          last_refill_(Clock::now()) {
        thread_ = std::thread([this] { run(); });
    }
    ~SegmentRecordWriter() override { stop(); }

    void add(std::vector<JobRecord> records) override {
        if (records.empty()) return;
        std::size_t bytes = 0;
        for (const JobRecord& record : records) bytes += bytes_of(record);
        const std::lock_guard lock(mutex_);
        if (error_) return;
        queued_bytes_ += bytes;
        pending_bytes_ += bytes;
        queue_.push_back({std::move(records), {}, bytes});
        something_added();
    }

    void add(StreamRecord record) override {
        const std::size_t bytes =
            sizeof record + record.items.bytes.size() + record.items.count() * sizeof(std::uint32_t);
        const std::lock_guard lock(mutex_);
        if (error_) return;
        queued_bytes_ += bytes;
        pending_bytes_ += bytes;
        queue_.push_back({{}, std::move(record), bytes});
        something_added();
    }

    void add(PipelineRecord record) override {
        const std::lock_guard lock(mutex_);
        if (error_) return;
        queued_pipelines_.push_back(std::move(record));
        something_added();
    }

    void save_first(std::uint64_t ticket, JobRecord outputs) override {
        const std::lock_guard lock(mutex_);
        if (error_) {
            saved_.push_back({ticket, *error_});
            return;
        }
        to_save_.push_back({ticket, std::move(outputs)});
        changed_.notify_one();
    }

    std::vector<Saved> saved() override {
        const std::lock_guard lock(mutex_);
        return std::exchange(saved_, {});
    }

    void flush_soon() override {
        const std::lock_guard lock(mutex_);
        if (!pending_since_ || flush_) return;
        flush_ = true;
        changed_.notify_one();
    }

    std::uint64_t durable() const override { return durable_.load(std::memory_order_acquire); }
    std::uint64_t durable_items() const override { return durable_items_.load(std::memory_order_acquire); }

    bool full() const override {
        const std::lock_guard lock(mutex_);
        return pending_bytes_ >= options_.max_pending_bytes;
    }

    std::vector<Refused> refused() override {
        const std::lock_guard lock(mutex_);
        return std::exchange(refused_, {});
    }

    std::optional<std::string> error() const override {
        const std::lock_guard lock(mutex_);
        return error_;
    }

    void stop() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            changed_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
        merger_.stop();
    }

private:
    struct Added {
        std::vector<JobRecord> records;
        std::optional<StreamRecord> items;  // instead of records
        std::size_t bytes = 0;              // of all of them
    };
    struct ToSave {
        std::uint64_t ticket = 0;
        JobRecord outputs;
    };
    struct Batch {
        std::vector<ToSave> to_save;
        std::vector<Added> added;
        std::vector<PipelineRecord> pipelines;
        bool cut = false;   // a segment is to be written even if a small one
        bool last = false;  // stop() was called
    };

    static std::size_t bytes_of(const JobRecord& record) {
        std::size_t bytes = sizeof record;
        if (record.outputs) bytes += record.outputs_bytes != 0 ? record.outputs_bytes : size_estimate(*record.outputs);
        if (record.details) bytes += sizeof(OutcomeDetails) + record.details->error.size() + record.details->log.size();
        return bytes;
    }

    // With the lock held: worth making columns of, or enough for a segment together with those made already.
    bool much_waits() const {
        return queued_bytes_ >= kWakeBytes || (queued_bytes_ > 0 && pending_bytes_ >= options_.segment_bytes);
    }

    // With the lock held.
    void something_added() {
        if (!pending_since_) {
            pending_since_ = Clock::now();
            changed_.notify_one();  // from now on it waits for a time
        } else if (much_waits() && !woken_) {
            woken_ = true;
            changed_.notify_one();
        }
    }

    // ------------------------------------------------------------------------------------------ the writer's thread

    SegmentTables empty_tables() {
        return SegmentTables(
            [this](ElementType element, std::span<const std::byte> bytes) { return large_.store(element, bytes); });
    }

    void run() {
        try {
            std::filesystem::create_directories(directory_);
            while (true) {
                Batch batch = next_batch();
                for (const ToSave& first : batch.to_save) save(first);
                for (Added& added : batch.added) add_to_tables(added);
                for (const PipelineRecord& record : batch.pipelines) tables_.add(record);
                batch.added.clear();
                if (batch.cut || batch.last || tables_bytes_ >= options_.segment_bytes) write_segment();
                if (batch.last) return;
            }
        } catch (const std::exception& e) {
            fail(e.what());
        }
    }

    Clock::duration interval() const {
        const std::uint64_t steps = std::min(kMostSteps, 1 + segments_ / kSegmentsPerStep);
        const auto regular = std::chrono::nanoseconds(options_.interval) * steps;
        return std::max<Clock::duration>(regular, 2 * last_duration_);  // a slow disk is not asked again at once
    }

    // Tokens for early flushes come back with time.
    void refill(Clock::time_point now) {
        const double passed = std::chrono::duration<double, std::nano>(now - last_refill_).count();
        const double per = static_cast<double>(std::max<Nanoseconds>(1, options_.interval));
        flushes_left_ = std::min(kMostFlushes, flushes_left_ + kFlushesPerInterval * passed / per);
        last_refill_ = now;
    }

    // Waits until there is something to do.
    Batch next_batch() {
        std::unique_lock lock(mutex_);
        Batch batch;
        while (true) {
            const auto now = Clock::now();
            refill(now);
            batch.last = stopping_;
            const bool due = pending_since_ && now >= *pending_since_ + interval();
            batch.cut = due || (flush_ && flushes_left_ >= 1);
            if (batch.last || batch.cut || much_waits() || !to_save_.empty()) break;
            if (!pending_since_) {
                changed_.wait(lock);
                continue;
            }
            auto until = *pending_since_ + interval();
            if (flush_) {
                const auto missing = std::chrono::nanoseconds(
                    static_cast<std::int64_t>((1 - flushes_left_) * static_cast<double>(options_.interval) /
                                              kFlushesPerInterval) +
                    1000);
                until = std::min(until, now + std::chrono::duration_cast<Clock::duration>(missing));
            }
            changed_.wait_until(lock, until);
        }
        if (batch.cut) {
            if (flush_ && flushes_left_ >= 1) flushes_left_ -= 1;
            flush_ = false;
            pending_since_.reset();
        }
        batch.to_save.swap(to_save_);
        batch.added.swap(queue_);
        batch.pipelines.swap(queued_pipelines_);
        queued_bytes_ = 0;
        woken_ = false;
        return batch;
    }

    void add_to_tables(Added& added) {
        if (added.items) return add_to_tables(*added.items, added.bytes);
        std::size_t left = added.records.size();
        for (JobRecord& record : added.records) {
            add_to_tables(record);
            ++accepted_;
            const std::size_t share = added.bytes / left--;  // near enough to cut segments by, and exact together
            added.bytes -= share;
            tables_bytes_ += share;
            if (tables_bytes_ >= options_.segment_bytes) write_segment();
        }
        added.records.clear();
    }

    void add_to_tables(const StreamRecord& record, std::size_t bytes) {
        streams_.add(record, tables_);
        ++accepted_items_;
        unflushed_ = unflushed_ || options_.values;
        tables_bytes_ += bytes;
        if (tables_bytes_ >= options_.segment_bytes) write_segment();
    }

    void add_to_tables(JobRecord& record) {
        if (auto problem = streams_.problem_of(record)) return refuse(record, *problem);
        if (!has_rows(record.job->name)) return;
        if (!record.outputs) return tables_.add(record);
        if (options_.values) {
            auto error = record.saved ? std::nullopt : save_elsewhere(record);
            if (error) return refuse(record, *error);
            record.outputs.reset();
        } else if (auto reason = why_not_storable(*record.outputs, record.job->save, options_.max_value_bytes)) {
            return refuse(record, *reason);
        }
        tables_.add(record);
    }

    void save(const ToSave& first) {
        const auto error = save_elsewhere(first.outputs);
        {
            const std::lock_guard lock(mutex_);
            saved_.push_back({first.ticket, error.value_or("")});
        }
        if (options_.wake) options_.wake();
    }

    std::optional<std::string> save_elsewhere(const JobRecord& record) {
        const PipelineContext& pipeline = *record.pipeline;
        const Scope scope{pipeline.plan->name, pipeline.info.instance, record.job->name,
                          record.job->for_each ? record.job->for_each->label(record.instance) : std::string()};
        try {
            if (record.job->save.all) {
                options_.values->save(scope, record.job->worker, *record.outputs);
            } else {
                Document kept = *record.outputs;
                std::erase_if(kept, [&](const auto& member) { return !record.job->save.saves(member.first); });
                options_.values->save(scope, record.job->worker, kept);
            }
            unflushed_ = true;
            return std::nullopt;
        } catch (const std::exception& e) {
            return fmt::format("the store could not keep the outputs: {}", e.what());
        }
    }

    void refuse(const JobRecord& record, const std::string& error) {
        if (!has_rows(record.job->name))
            refuse_stage(record, error);
        else
            tables_.add_refused(record, error);
        newly_refused_.push_back({accepted_, error});
    }

    // What people see of `STAGE@results` that failed: the stage did, once it had made all of its items. Another hash:
    // its success does not stand.
    void refuse_stage(const JobRecord& record, const std::string& error) {
        const auto& templates = record.pipeline->plan->templates;
        const auto stage = std::find_if(templates.begin(), templates.end(), [&](const JobTemplate& t) {
            return t.name == stage_shown_for(record.job->name);
        });
        if (stage == templates.end()) return tables_.add_refused(record, error);
        JobRecord failed;
        failed.pipeline = record.pipeline;
        failed.job = &*stage;
        failed.attempt = record.attempt + 1;
        failed.broker = record.broker;
        failed.slot = record.slot;
        failed.submitted_ns = record.submitted_ns;
        failed.started_ns = record.started_ns;
        failed.finished_ns = record.finished_ns;
        failed.hash = ~record.hash;
        tables_.add_refused(failed, error);
    }

    void write_segment() {
        if (tables_.empty() && tables_bytes_ == 0) return;
        const auto start = Clock::now();
        if (unflushed_) flush_store();
        if (!tables_.empty()) write_tables();  // a user's store may have all there was
        last_duration_ = Clock::now() - start;
        {
            const std::lock_guard lock(mutex_);
            pending_bytes_ -= std::min(pending_bytes_, std::exchange(tables_bytes_, 0));
            refused_.insert(refused_.end(), newly_refused_.begin(), newly_refused_.end());
        }
        newly_refused_.clear();
        durable_.store(accepted_, std::memory_order_release);
        durable_items_.store(accepted_items_, std::memory_order_release);
        if (options_.wake) options_.wake();
    }

    void write_tables() {
        const SegmentId id{writer_, segments_ + 1, segments_ + 1};
        const std::uint64_t bytes = tables_.write(directory_, id, large_.stored());
        ++segments_;
        tables_ = empty_tables();
        merger_.add(id, bytes);
    }

    void flush_store() {
        try {
            options_.values->flush();
        } catch (const std::exception& e) {
            throw StoreError(fmt::format("the store could not make its values durable: {}", e.what()));
        }
        unflushed_ = false;
    }

    void fail(const std::string& what) {
        {
            const std::lock_guard lock(mutex_);
            error_ = what;
            for (const ToSave& first : to_save_) saved_.push_back({first.ticket, what});
            to_save_.clear();
            queue_.clear();
            queued_pipelines_.clear();
            pending_bytes_ = 0;
        }
        if (options_.wake) options_.wake();
    }

    WriterOptions options_;
    const std::filesystem::path directory_;
    const WriterId writer_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Added> queue_;
    std::vector<PipelineRecord> queued_pipelines_;
    std::size_t queued_bytes_ = 0;
    std::size_t pending_bytes_ = 0;                   // of all records that are not durable
    std::optional<Clock::time_point> pending_since_;  // when the first record of the next segment came
    bool woken_ = false;
    bool flush_ = false;
    bool stopping_ = false;
    std::vector<Refused> refused_;
    std::vector<ToSave> to_save_;
    std::vector<Saved> saved_;
    std::optional<std::string> error_;
    std::atomic<std::uint64_t> durable_{0}, durable_items_{0};

    // Of the writer's thread alone.
    LargeValueFiles large_;
    SegmentMerger merger_;
    StreamIntake streams_;
    SegmentTables tables_;
    std::size_t tables_bytes_ = 0;      // of the records in tables_, as counted when they were added
    std::uint64_t accepted_ = 0;        // records given to tables_ since the beginning
    std::uint64_t accepted_items_ = 0;  // likewise those of streams
    std::uint64_t segments_ = 0;
    bool unflushed_ = false;  // the user's store has values that flush() has not seen
    std::vector<Refused> newly_refused_;
    Clock::duration last_duration_{};
    double flushes_left_ = kMostFlushes;
    Clock::time_point last_refill_;

    std::thread thread_;
};

}  // namespace

std::unique_ptr<RecordWriter> make_record_writer(WriterOptions options) {
    return std::make_unique<SegmentRecordWriter>(std::move(options));
}

}  // namespace penstock
