// Pipelines, records and random values for tests of the store.
#pragma once

#include "store/collect.hpp"
#include "store/record.hpp"
#include "store/record_writer.hpp"
#include "store/results.hpp"
#include "temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

// A pipeline whose jobs are added one after another, as a definition would list them.
class SamplePlan {
public:
    explicit SamplePlan(std::string name) { plan_->name = std::move(name); }

    // A job with `axes` (none = one instance); their sizes multiply.
    SamplePlan& job(const std::string& name, std::vector<Axis> axes = {}) {
        JobTemplate t;
        t.name = name;
        t.worker = "Worker-" + name;
        t.first_job = JobIndex(plan_->job_count);
        if (!axes.empty()) {
            auto for_each = std::make_shared<ForEach>();
            for (Axis& axis : axes) for_each->dimensions.push_back({std::move(axis)});
            t.count = for_each->count();
            t.for_each = std::move(for_each);
        }
        plan_->job_count += t.count;
        plan_->templates.push_back(std::move(t));
        return *this;
    }
    JobTemplate& last() { return plan_->templates.back(); }

    std::shared_ptr<const PipelineContext> start(std::uint32_t id = 0, std::string instance = "") const {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = PipelineId(id);
        context->info.instance = std::move(instance);
        return context;
    }

private:
    std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
};

inline JobRecord record_of(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                           std::uint32_t instance = 0) {
    JobRecord record;
    record.pipeline = pipeline;
    record.job = &pipeline->plan->templates[job];
    record.instance = instance;
    record.broker = 1;
    record.slot = instance % 3;
    record.submitted_ns = 1'700'000'000'000'000'000;
    record.started_ns = record.submitted_ns + 1000 * (instance + 1);
    record.finished_ns = record.started_ns + 500;
    record.hash = 1000 * job + instance;
    return record;
}

inline JobRecord record_with(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                             std::uint32_t instance, Document outputs) {
    JobRecord record = record_of(pipeline, job, instance);
    record.outputs = std::make_shared<const Document>(std::move(outputs));
    return record;
}

inline JobRecord failed_record(const std::shared_ptr<const PipelineContext>& pipeline, std::size_t job,
                               std::uint32_t instance, const std::string& error) {
    JobRecord record = record_of(pipeline, job, instance);
    record.status = JobStatus::failed;
    record.details = std::make_unique<OutcomeDetails>();
    record.details->reason = EndReason::exception;
    record.details->error = error;
    return record;
}

// A folder with a run directory in it; writers of ranks; collection.
class SampleRun {
public:
    SampleRun() { std::filesystem::create_directories(directory() / "segments"); }

    std::filesystem::path results() const { return folder_ / "run.h5"; }
    std::filesystem::path directory() const { return folder_ / "run.h5.run"; }
    std::filesystem::path folder() const { return folder_.path(); }

    WriterOptions options(std::uint32_t rank = 1, std::uint32_t incarnation = 1, std::uint32_t epoch = 1) const {
        WriterOptions options;
        options.run_directory = directory();
        options.rank = rank;
        options.incarnation = incarnation;
        options.epoch = epoch;
        options.interval = 1'000'000;
        return options;
    }

    // Writes the records as one segment.
    static void write(RecordWriter& writer, std::vector<JobRecord> records) {
        const std::uint64_t before = writer.durable();
        const std::uint64_t count = records.size();
        writer.add(std::move(records));
        wait_durable(writer, before + count);
    }
    // A timed wait would fail on a slow machine; this one ends when the writer's thread has ended its work or failed.
    static void wait_durable(RecordWriter& writer, std::uint64_t count) {
        while (writer.durable() < count && !writer.error()) {
            writer.flush_soon();
            std::this_thread::yield();
        }
        ASSERT_FALSE(writer.error()) << *writer.error();
    }

    std::vector<std::string> segments() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory() / "segments"))
            names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    }

    CollectReport collect(CollectOptions options = {}) const {
        return penstock::collect(directory(), results(), options);
    }

private:
    TemporaryFolder folder_;
};

// From PENSTOCK_SEED, else from the system; printed, so that a failure can be had again.
inline std::uint64_t test_seed() {
    const char* given = std::getenv("PENSTOCK_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "PENSTOCK_SEED=" << seed << "\n";
    return seed;
}

// Values of every type, with a liking for the awkward ones.
class RandomValues {
public:
    explicit RandomValues(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t limit) {
        return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    std::string text() {
        static const std::vector<std::string> kSome{"",
                                                    "plain",
                                                    "with space",
                                                    "\"quoted\"\n",
                                                    "grüße",
                                                    "日本語",
                                                    std::string("a\0b\0", 4),
                                                    "\xff\xfe not UTF-8",
                                                    "\u2400",
                                                    "@exact",
                                                    std::string(70, 'x')};
        return one_in(3) ? std::string(below(100), static_cast<char>('a' + below(26))) : kSome[below(kSome.size())];
    }
    std::int64_t integer() {
        static const std::vector<std::int64_t> kSome{0, 1, -1, INT64_MAX, INT64_MIN, (std::int64_t{1} << 53) + 1, 42};
        return one_in(2) ? kSome[below(kSome.size())] : static_cast<std::int64_t>(random_());
    }
    double real() {
        static const std::vector<double> kSome{
            0.0, -0.0, 1.0, 0.1, HUGE_VAL, -HUGE_VAL, std::nan(""), 5e-324, 1.7976931348623157e308};
        return one_in(2) ? kSome[below(kSome.size())] : std::uniform_real_distribution<>(-1e6, 1e6)(random_);
    }
    Bytes bytes() {
        Bytes made(below(20));
        for (std::byte& b : made) b = static_cast<std::byte>(below(256));
        return made;
    }
    Array array(ElementType type, std::vector<std::uint64_t> shape) {
        std::uint64_t count = 1;
        for (const std::uint64_t extent : shape) count *= extent;
        std::vector<std::byte> content(count * element_size(type));
        for (std::byte& b : content) b = static_cast<std::byte>(below(256));
        return Array(type, std::move(shape), content);
    }
    Array array() {
        std::vector<std::uint64_t> shape(below(4));
        for (std::uint64_t& extent : shape) extent = below(4);
        return array(static_cast<ElementType>(below(10)), std::move(shape));
    }
    Value value(int depth = 0) {
        switch (below(depth < 3 ? 9 : 7)) {
            case 0:
                return Value();
            case 1:
                return one_in(2);
            case 2:
                return integer();
            case 3:
                return real();
            case 4:
                return text();
            case 5:
                return bytes();
            case 6:
                return array();
            case 7: {
                List list;
                for (std::uint64_t i = below(4); i > 0; --i) list.push_back(value(depth + 1));
                return list;
            }
            default: {
                Map map;
                for (std::uint64_t i = below(4); i > 0; --i)
                    map.insert_or_assign(one_in(5) ? "@array" : text(), value(depth + 1));
                return map;
            }
        }
    }
    // A value for a column of a kind: what real jobs make has one type, mostly.
    Value value_of_kind(std::uint64_t kind) {
        switch (kind) {
            case 0:
                return integer();
            case 1:
                return real();
            case 2:
                return one_in(2);
            case 3:
                return text();
            case 4:
                return bytes();
            case 5:
                return array(ElementType::float64, {2, 3});
            case 6:
                return array(ElementType::int16, {below(5)});
            case 7:
                return one_in(2) ? Value(integer()) : Value(real());
            case 8:
                return one_in(3) ? Value() : Value(real());
            case 9:
                return one_in(2) ? Value(one_in(2)) : Value(integer());
            case 10:
                return Value();
            case 11:
                return array(ElementType::float32, {});
            case 12:
                return array(ElementType::uint64, {0, 3});
            case 13:
                return one_in(5) ? Value() : Value(text());
            case 14:
                return List{};
            default:
                return value();
        }
    }
    static constexpr std::uint64_t kKinds = 16;

    std::mt19937_64& engine() { return random_; }

private:
    std::mt19937_64 random_;
};

}  // namespace penstock
