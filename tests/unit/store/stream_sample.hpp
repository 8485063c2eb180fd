// Streams, their records and a folder for tests of how items are stored.
#pragma once

#include "sample_run.hpp"

#include "value/value_codec.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace penstock {

using Pipe = std::shared_ptr<const PipelineContext>;

inline StreamItems encoded(const std::vector<Value>& items) {
    ItemsWriter out;
    for (const Value& item : items) {
        const std::size_t before = out.bytes.size();
        encode(item, out.bytes);
        out.sizes.push_back(static_cast<std::uint32_t>(out.bytes.size() - before));
    }
    return out.take();
}

inline std::vector<Value> numbers(std::int64_t first, std::int64_t count) {
    std::vector<Value> items;
    for (std::int64_t i = first; i < first + count; ++i) items.emplace_back(i);
    return items;
}

// A plan with stages "source", "top" and "side", and behind the latter two what stores their items.
inline constexpr std::size_t kTop = 1, kSide = 2, kTopResults = 3;
inline SamplePlan stream_plan(const std::string& name = "titles") {
    SamplePlan plan(name);
    plan.job("source").job("top").job("side").job("top@results").job("side@results");
    return plan;
}

inline StreamRecord stream_record(const Pipe& pipeline, std::uint64_t first, const std::vector<Value>& items,
                                  std::size_t stage = kTop, std::uint32_t attempt = 1) {
    return {pipeline, &pipeline->plan->templates[stage], attempt, first, encoded(items)};
}

class StreamsTest : public testing::Test {
protected:
    // A segment with those items and the job record that makes them durable.
    void segment(RecordWriter& writer, std::vector<StreamRecord> records) {
        const Pipe pipeline = records.front().pipeline;
        for (StreamRecord& record : records) writer.add(std::move(record));
        std::vector<JobRecord> job;
        job.push_back(record_of(pipeline, kTopResults));
        SampleRun::write(writer, std::move(job));
    }
    void segment(RecordWriter& writer, StreamRecord record) {
        std::vector<StreamRecord> one;
        one.push_back(std::move(record));
        segment(writer, std::move(one));
    }
    void segment_of(std::uint32_t rank, StreamRecord record, std::uint32_t incarnation = 1) {
        const auto writer = make_record_writer(run_.options(rank, incarnation));
        segment(*writer, std::move(record));
    }
    static std::vector<Value> all(const Results& results, const Pipe& pipeline, const std::string& stage = "top") {
        return results.stream_items(pipeline->plan->name, pipeline->info.instance, stage, 0, UINT64_MAX);
    }
    std::vector<Value> live(const Pipe& pipeline, const std::string& stage = "top") const {
        return all(*Results::open(run_.directory()), pipeline, stage);
    }
    std::vector<Value> collected(const Pipe& pipeline, const std::string& stage = "top") const {
        return all(*Results::open(run_.results()), pipeline, stage);
    }
    // Collects so that nothing but the results file is left to read.
    CollectReport collect_all() const {
        CollectOptions options;
        options.keep_segments = false;
        return run_.collect(options);
    }
    std::string python(const std::string& program) const {
        const std::string command =
            fmt::format("/usr/bin/python3 -c 'import h5py, numpy as np; f = h5py.File(\"{}\"); {}'",
                        run_.results().string(), program);
        FILE* pipe = ::popen(command.c_str(), "r");
        std::string text;
        std::array<char, 4096> part{};
        while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), got);
        EXPECT_EQ(::pclose(pipe), 0) << command;
        return text;
    }

    SampleRun run_;
};

inline std::string as_text(const std::vector<Value>& items) { return to_json(Value(List(items.begin(), items.end()))); }

}  // namespace penstock
