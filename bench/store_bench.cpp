// What it costs to store records: the writer's CPU time a record, and the time of collection.
//
//     store_bench [noop | arrays | explicit | sweeps] [RECORDS] [FOLDER]
//
// noop: jobs of one for-each without outputs. arrays: with 3 scalars and an array of 100 doubles. explicit: jobs each
// listed by itself with one output. sweeps: pipelines of one definition, each with one job. All are made beforehand, so
// that the figures are those of writer and collection alone. A line of JSON for each.
#include "store/collect.hpp"
#include "store/record_writer.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

using namespace penstock;

double process_cpu_s() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double wall_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Work {
    std::vector<std::vector<JobRecord>> batches;
    std::vector<std::shared_ptr<const PipelineContext>> pipelines;
};

JobTemplate job_named(std::string name, std::uint32_t first) {
    JobTemplate job;
    job.name = std::move(name);
    job.worker = "noop";
    job.first_job = JobIndex(first);
    return job;
}

Work make_work(std::string_view kind, std::uint32_t records) {
    constexpr std::size_t kBatch = 500;
    Work work;
    auto plan = std::make_shared<Plan>();
    plan->name = "bench";
    if (kind == "explicit") {
        for (std::uint32_t i = 0; i < records; ++i) plan->templates.push_back(job_named(fmt::format("job-{}", i), i));
    } else {
        plan->templates.push_back(job_named("job", 0));
        if (kind != "sweeps") {
            auto for_each = std::make_shared<ForEach>();
            for_each->dimensions.push_back({Axis{"seed", Range{0, 1, records}}});
            plan->templates[0].for_each = std::move(for_each);
            plan->templates[0].count = records;
        }
    }
    for (std::uint32_t i = 0; i < (kind == "sweeps" ? records : 1); ++i) {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan;
        context->info.id = PipelineId(i);
        if (kind == "sweeps") context->info.instance = fmt::format("item={}", i);
        work.pipelines.push_back(std::move(context));
    }
    std::vector<double> array(100, 1.5);
    for (std::uint32_t i = 0; i < records; ++i) {
        if (i % kBatch == 0) work.batches.emplace_back();
        JobRecord record;
        record.pipeline = kind == "sweeps" ? work.pipelines[i] : work.pipelines[0];
        record.job = &plan->templates[kind == "explicit" ? i : 0];
        record.instance = kind == "noop" || kind == "arrays" ? i : 0;
        record.broker = 1;
        record.slot = i % 4;
        record.submitted_ns = 1'700'000'000'000'000'000;
        record.started_ns = record.submitted_ns + 300 * i;
        record.finished_ns = record.started_ns + 200;
        record.hash = i * 0x9e3779b97f4a7c15ull;
        if (kind == "arrays") {
            array[0] = i;
            record.outputs =
                std::make_shared<const Document>(Document{{"a", i}, {"b", 0.5 * i}, {"c", 2 * i}, {"v", array}});
        } else if (kind != "noop") {
            record.outputs = std::make_shared<const Document>(Document{{"value", 0.5 * i}});
        }
        work.batches.back().push_back(std::move(record));
    }
    return work;
}

int run(std::string_view kind, std::uint32_t records, const std::filesystem::path& folder) {
    const auto directory = folder / "bench.h5.run";
    const auto results = folder / "bench.h5";
    std::filesystem::remove_all(directory);
    std::filesystem::remove(results);
    std::filesystem::create_directories(directory / "segments");
    Work work = make_work(kind, records);

    const double cpu_before = process_cpu_s(), wall_before = wall_s();
    WriterOptions options;
    options.run_directory = directory;
    options.rank = 1;
    const auto writer = make_record_writer(std::move(options));
    for (auto& batch : work.batches) {
        while (writer->full()) std::this_thread::yield();
        writer->add(std::move(batch));
    }
    writer->flush_soon();
    while (writer->durable() < records && !writer->error()) std::this_thread::sleep_for(std::chrono::microseconds(200));
    const double write_wall = wall_s() - wall_before, write_cpu = process_cpu_s() - cpu_before;
    for (const auto& pipeline : work.pipelines) writer->add(PipelineRecord{pipeline, JobStatus::succeeded, 1, 2, 3});
    writer->stop();
    if (const auto error = writer->error()) {
        fmt::print(stderr, "store_bench: {}\n", *error);
        return 1;
    }

    const double cpu_written = process_cpu_s();
    const CollectReport report = collect(directory, results, {});
    const double collect_cpu = process_cpu_s() - cpu_written;
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print(
        R"({{"bench":"store","kind":"{}","records":{},"write_s":{:.3f},"records_per_s":{:.0f},"write_cpu_us":{:.3f},)"
        R"("segments":{},"collect_s":{:.3f},"collect_cpu_us":{:.3f},"jobs":{},"bytes_per_job":{:.1f},"peak_mb":{}}})"
        "\n",
        kind, records, write_wall, records / write_wall, write_cpu * 1e6 / records, report.segments, report.seconds,
        collect_cpu * 1e6 / records, report.jobs, static_cast<double>(std::filesystem::file_size(results)) / records,
        usage.ru_maxrss / 1024);
    std::filesystem::remove_all(directory);
    std::filesystem::remove(results);
    return report.jobs == records ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path folder = argc > 3 ? argv[3] : ".";
    const std::string kind = argc > 1 ? argv[1] : "";
    const auto records = static_cast<std::uint32_t>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0);
    if (!kind.empty()) return run(kind, records != 0 ? records : 100'000, folder);
    for (const auto& [name, count] :
         {std::pair{"noop", 1'000'000u}, {"arrays", 100'000u}, {"explicit", 20'000u}, {"sweeps", 100'000u}})
        if (const int code = run(name, count, folder); code != 0) return code;
    return 0;
}
