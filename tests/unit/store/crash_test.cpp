// A writer that is killed at any instant leaves segments that can all be read, and never said more than it kept.
#include "sample_run.hpp"

#include "store/source.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <set>

namespace penstock {

namespace {

// Shared with the process that is killed.
struct Told {
    std::atomic<std::uint64_t> durable{0};
};

// Writes instances 0, 1, ... and tells what is durable, until it is killed.
[[noreturn]] void write_for_ever(WriterOptions options, const std::shared_ptr<const PipelineContext>& pipeline,
                                 Told& told) {
    options.interval = 500'000;
    const auto writer = make_record_writer(std::move(options));
    for (std::uint32_t i = 0;;) {
        std::vector<JobRecord> records;
        for (int k = 0; k < 10; ++k, ++i)
            records.push_back(record_with(pipeline, 0, i, {{"n", i}, {"v", std::vector<double>(i % 50, i)}}));
        while (writer->full()) std::this_thread::yield();
        writer->add(std::move(records));
        told.durable = writer->durable();
        std::this_thread::yield();
    }
}

}  // namespace

TEST(Crash, KilledAtAnyInstant) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 100'000'000}}}).start();
    const SampleRun run;
    std::uint64_t most_durable = 0;
    for (std::uint32_t epoch = 1; epoch <= 12; ++epoch) {
        void* memory = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        Told& told = *new (memory) Told;
        const std::uint64_t enough = 1 + random.below(3000);
        WriterOptions options = run.options(1, 1, epoch);
        const pid_t child = ::fork();
        if (child == 0) write_for_ever(std::move(options), pipeline, told);
        while (told.durable < enough) std::this_thread::yield();
        for (std::uint64_t spin = random.below(200'000); spin > 0; --spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        const std::uint64_t durable = told.durable;
        most_durable = std::max(most_durable, durable);
        ::munmap(memory, sizeof(Told));

        // Every segment by itself is whole.
        for (const std::string& name : run.segments()) {
            if (!parse_segment_name(name)) continue;
            Source source(run.directory() / "segments" / name);
            const auto tables = source.templates();
            ASSERT_EQ(tables.size(), 1u);
            const auto table = source.table(0, tables[0].name, "p");
            ASSERT_NE(table, nullptr);
            EXPECT_EQ(table->rows(), source.jobs());
        }
        // What was told is there: the first `durable` instances of this epoch.
        Source::Template unused;
        std::set<std::uint32_t> kept;
        for (const auto& file : list_segments(run.directory() / "segments", {}, {}).files) {
            if (file.id.writer.epoch != epoch) continue;
            Source source(file.path);
            auto numbers = source.job_column(column(JobColumn::number));
            for (std::uint64_t row = 0; row < source.jobs(); ++row) {
                std::uint32_t number = 0;
                numbers.read(row, 1, reinterpret_cast<std::byte*>(&number));
                EXPECT_TRUE(kept.insert(number).second) << number;
            }
        }
        ASSERT_GE(kept.size(), durable);
        EXPECT_EQ(*kept.rbegin() + 1, kept.size()) << "records are written in order";
    }
    const CollectReport report = run.collect();
    EXPECT_EQ(report.warnings, std::vector<std::string>());
    EXPECT_GE(report.jobs, most_durable);
    const auto table = Results::open(run.results())->table("p", "j");
    for (const auto& row : table.rows) {
        const std::int64_t n = at(row.values, "n").int64();
        ASSERT_EQ(row.instance, fmt::format("n={}", n));
        ASSERT_EQ(at(row.values, "v"),
                  Value(std::vector<double>(static_cast<std::size_t>(n % 50), static_cast<double>(n))));
    }
}

}  // namespace penstock
