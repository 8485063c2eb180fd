// Bits that flip, files that are cut short or gone: what is read is right, or it is said which file is damaged.
#include "stream_sample.hpp"

#include "store/hdf5.hpp"
#include "store/journal.hpp"
#include "value/hash.hpp"

#include <gmock/gmock.h>
#include <hdf5.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace penstock {
namespace {

using ::testing::HasSubstr;
using Files = std::vector<std::filesystem::path>;
// Of each job what is known, as text; and of each stage its items.
using Content = std::map<std::string, std::string>;

Content content_of_run(const std::filesystem::path& run) {
    const auto results = Results::open(run);
    Content content;
    for (const JobRow& job : results->jobs()) {
        const auto outputs = results->outputs(job.pipeline, job.pipeline_instance, job.name, job.instance);
        content[job.name + "#" + std::to_string(job.number)] =
            fmt::format("{} {} {} {} {} {} {}", job.worker, static_cast<int>(job.status), job.attempts, job.started,
                        job.error, job.hash, outputs ? Hasher().add(*outputs).value() : 0);
        for (const AttemptRow& attempt : results->attempts(job))
            content[fmt::format("{}#{} attempt {}", job.name, job.number, attempt.number)] =
                fmt::format("{} {} {}", static_cast<int>(attempt.reason), attempt.error, attempt.finished);
    }
    for (const StreamRow& stream : results->streams())
        content["stage " + stream.stage] =
            as_text(results->stream_items(stream.pipeline, stream.pipeline_instance, stream.stage, 0, UINT64_MAX));
    return content;
}

// PENSTOCK_DAMAGE=N: N times as many as usual; 0.2: a fifth.
int trials(int usual) {
    const char* times = std::getenv("PENSTOCK_DAMAGE");
    return times == nullptr ? usual : std::max(1, static_cast<int>(usual * std::atof(times)));
}

class DamageTest : public ::testing::Test {
protected:
    DamageTest() : values_(test::seed()) {
        const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 40}}}).job("one").start();
        for (std::uint32_t rank = 1; rank <= 2; ++rank) {
            const auto writer = make_record_writer(run_.options(rank));
            for (std::uint32_t part = 0; part < 2; ++part) SampleRun::write(*writer, records(pipeline, rank, part));
        }
        const auto stream = stream_plan("s").start(1);
        const auto writer = make_record_writer(run_.options(3));
        writer->add(stream_record(stream, 0, numbers(0, 3000)));
        std::vector<JobRecord> end;
        end.push_back(record_of(stream, kTopResults));
        SampleRun::write(*writer, std::move(end));
        writer->stop();
        Journal::create(run_.directory() / "journal", {1, 1, {"penstock"}, "1", "node", 1, 1});
    }

    std::vector<JobRecord> records(const std::shared_ptr<const PipelineContext>& pipeline, std::uint32_t rank,
                                   std::uint32_t part) {
        std::vector<JobRecord> records;
        for (std::uint32_t i = 0; i < 10; ++i) {
            const std::uint32_t instance = (rank - 1) * 20 + part * 10 + i;
            if (i != 3 && values_.one_in(5)) {
                records.push_back(failed_record(pipeline, 0, instance, "it failed: " + std::string(i * 9, 'e')));
                continue;
            }
            // A value of more than 4 MiB has a file of its own.
            Document outputs{{"any", values_.value()}, {"text", values_.text()}, {"number", instance}};
            if (rank == 2 && part == 0 && i == 3) outputs["large"] = values_.array(ElementType::float64, {530'000});
            records.push_back(record_with(pipeline, 0, instance, std::move(outputs)));
        }
        if (rank == 1 && part == 0) records.push_back(record_with(pipeline, 1, 0, {{"v", 1}}));
        return records;
    }

    Files files_in(const std::filesystem::path& folder) const {
        Files files;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
        std::sort(files.begin(), files.end());
        return files;
    }

    // Damages the file as chance has it, lets `look` look, and puts the file back as it was.
    void damaged(const std::filesystem::path& path, const std::function<void(const std::string& what)>& look) {
        const std::uint64_t size = std::filesystem::file_size(path);
        std::string what = path.filename().string();
        if (values_.one_in(8)) {
            const std::string sound = penstock::content_of(path);
            const std::uint64_t left = values_.below(size);
            std::filesystem::resize_file(path, left);
            look(fmt::format("{} cut to {} of {} bytes", what, left, size));
            write_content(path, sound);
            return;
        }
        std::vector<std::pair<std::uint64_t, int>> flips;
        for (std::uint64_t count = 1 + values_.below(3); count != 0; --count) {
            // Half of them where most of the structure is.
            const std::uint64_t within = values_.one_in(2) ? size : std::min<std::uint64_t>(size, 4000);
            flips.emplace_back(values_.below(within), 1 << values_.below(8));
            what += fmt::format(" byte {} of {} by {}", flips.back().first, size, flips.back().second);
        }
        for (const auto& [at, mask] : flips) flip(path, at, mask);
        look(what);
        for (const auto& [at, mask] : flips) flip(path, at, mask);
    }
    static void flip(const std::filesystem::path& path, std::uint64_t at, int mask) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ mask));
    }

    RandomValues values_;
    SampleRun run_;
};

TEST_F(DamageTest, OfSegmentsOnlyWhatTheyHeldIsLostAndTheyAreNamed) {
    PENSTOCK_TRACE_SEED();
    const Content sound = content_of_run(run_.directory());
    EXPECT_GT(sound.size(), 80u);
    const Files files = files_in(run_.directory() / "segments");
    ASSERT_GT(files.size(), 5u) << "segments, and files of large values";
    for (int trial = 0; trial < trials(12); ++trial) {
        const std::filesystem::path& path = files[values_.below(files.size())];
        damaged(path, [&](const std::string& what) {
            SCOPED_TRACE(what);
            const auto output = run_.folder() / "collected.h5";
            const CollectReport report = penstock::collect(run_.directory(), output, {});
            const Content found = content_of_run(output);
            std::filesystem::remove(output);
            for (const auto& [name, text] : found) {
                if (name.starts_with("stage ")) continue;  // cut where items are missing
                ASSERT_TRUE(sound.contains(name)) << name;
                EXPECT_EQ(text, sound.at(name)) << name;
            }
            if (found == sound) return;
            ASSERT_FALSE(report.damaged.empty());
            EXPECT_THAT(::testing::PrintToString(report.warnings), HasSubstr(path.filename().string()));
        });
    }
}

TEST_F(DamageTest, OfAResultsFileNothingWrongIsRead) {
    PENSTOCK_TRACE_SEED();
    CollectOptions options;
    options.keep_segments = false;
    run_.collect(options);
    const Content sound = content_of_run(run_.results());
    EXPECT_GT(sound.size(), 80u);
    int refused = 0;
    for (int trial = 0; trial < trials(60); ++trial) {
        damaged(run_.results(), [&](const std::string& what) {
            SCOPED_TRACE(what);
            try {
                EXPECT_EQ(content_of_run(run_.results()), sound);
            } catch (const StoreError& e) {
                ++refused;
                EXPECT_THAT(e.what(), HasSubstr("run.h5"));
            }
        });
    }
    EXPECT_GT(refused, trials(60) / 20) << "most damage is seen";
}

TEST_F(DamageTest, OfAJournalEveryEntryIsReadOrTheFileIsRefused) {
    PENSTOCK_TRACE_SEED();
    const auto path = run_.directory() / "journal";
    {
        Journal journal = Journal::resume(path);
        for (std::uint32_t i = 0; i < 5; ++i) journal.append(SubmissionsEntry{{{i, 0, "x=1", {{"x", 1}}}}});
        journal.append(FenceEntry{2, {{{1, 3, 1}, 77}}});
    }
    const auto sound = read_journal(path).entries;
    int refused = 0;
    for (int trial = 0; trial < trials(300); ++trial) {
        damaged(path, [&](const std::string& what) {
            SCOPED_TRACE(what);
            try {
                const auto found = read_journal(path).entries;
                ASSERT_LE(found.size(), sound.size());
                for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], sound[i]) << i;
            } catch (const StoreError& e) {
                ++refused;
                EXPECT_THAT(e.what(), HasSubstr("journal"));
            }
        });
    }
    EXPECT_GT(refused, trials(300) / 20) << "most damage is seen";
}

TEST_F(DamageTest, ASegmentWithoutItsChecksumsIsNotReadAtAll) {
    const auto path = files_in(run_.directory() / "segments").front();
    std::string bytes = penstock::content_of(path);
    bytes.pop_back();
    write_content(path, bytes);
    const CollectReport report = run_.collect();
    ASSERT_EQ(report.damaged.size(), 1u);
    EXPECT_THAT(report.damaged[0].reason,
                HasSubstr("its end, where its checksums should be, is missing or not as it was written"));
}

// Another program that changes a results file takes the checksums away: what it wrote is read.
TEST_F(DamageTest, AResultsFileThatAnotherProgramHasChangedIsStillRead) {
    run_.collect();
    const Content sound = content_of_run(run_.results());
    const auto before = std::filesystem::file_size(run_.results());
    {
        h5::quiet();
        const h5::Handle file(H5Fopen(run_.results().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
        ASSERT_TRUE(file);
        h5::write_attribute(file.id(), "note", "measured on a Sunday");
    }
    EXPECT_NE(std::filesystem::file_size(run_.results()), before);
    EXPECT_EQ(content_of_run(run_.results()), sound);
}

}  // namespace
}  // namespace penstock
