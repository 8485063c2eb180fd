// What goes into a writer comes out of Results, of a collected file and of an independent reader in Python, whatever
// the segments, merges and steps in between.
#include "sample_run.hpp"

#include "value/value_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <set>

namespace penstock {

namespace {

struct Expected {
    Document parameters;
    Document values;
};
using Key = std::array<std::string, 4>;  // pipeline, pipeline instance, job, instance

// A run with several pipelines, brokers and every kind of column; some jobs fail, some are retried.
class RandomRun {
public:
    explicit RandomRun(std::uint64_t seed) : values_(seed) {
        const auto axis = [](std::string name, std::uint64_t count) {
            return Axis{std::move(name), Range{-3, 2, count}};
        };
        std::vector<Value> odd_values;
        std::set<std::string> texts;
        while (odd_values.size() < 5)
            if (const Value value = values_.value(); texts.insert(to_json(value)).second) odd_values.push_back(value);
        SamplePlan first("first");
        first.job("single").job("sweep", {axis("seed", 40), Axis{"beta", Linspace{0, 1, 3}}});
        first.job("odd", {Axis{"odd", odd_values}, axis("n", 4)}).job("silent", {axis("n", 30)}).job("quiet");
        SamplePlan second("second");
        second.job("a").job("b", {axis("n", 3)});
        pipelines_.push_back(first.start(0));
        for (std::uint32_t i = 1; i < 6; ++i) pipelines_.push_back(second.start(i, fmt::format("item=\"{}\"", i)));
        for (const auto& pipeline : pipelines_)
            for (std::size_t job = 0; job < pipeline->plan->templates.size(); ++job)
                for (std::uint32_t i = 0; i < pipeline->plan->templates[job].count; ++i)
                    jobs_.push_back({pipeline, job, i});
        std::shuffle(jobs_.begin(), jobs_.end(), values_.engine());
    }

    // The records of the next jobs, at most `most` of them; empty at the end.
    std::vector<JobRecord> next(std::uint64_t most) {
        std::vector<JobRecord> records;
        for (; most > 0 && next_ < jobs_.size(); --most) add(jobs_[next_++], records);
        return records;
    }

    const std::map<Key, Expected>& expected() const { return expected_; }
    const std::map<Key, JobStatus>& statuses() const { return statuses_; }
    std::uint64_t attempts() const { return attempts_; }
    RandomValues& values() { return values_; }

private:
    struct Job {
        std::shared_ptr<const PipelineContext> pipeline;
        std::size_t job;
        std::uint32_t instance;
    };

    void add(const Job& job, std::vector<JobRecord>& records) {
        const JobTemplate& t = job.pipeline->plan->templates[job.job];
        const Key key{job.pipeline->plan->name, job.pipeline->info.instance, t.name,
                      t.for_each ? t.for_each->label(job.instance) : std::string()};
        JobRecord record = record_of(job.pipeline, job.job, job.instance);
        if (values_.one_in(10)) {
            JobRecord earlier = failed_record(job.pipeline, job.job, job.instance, values_.text());
            earlier.final_attempt = false;
            records.push_back(std::move(earlier));
            record.attempt = 2;
            ++attempts_;
        }
        ++attempts_;
        if (values_.one_in(8)) {
            record = failed_record(job.pipeline, job.job, job.instance, "it failed: " + values_.text());
            record.attempt = 2;
            statuses_[key] = JobStatus::failed;
        } else {
            Document outputs = t.name == "silent" || t.name == "quiet" ? Document() : outputs_of(job);
            expected_[key] = {t.for_each ? t.for_each->parameters(job.instance) : Document(), outputs};
            statuses_[key] = JobStatus::succeeded;
            if (!outputs.empty() || values_.one_in(2))
                record.outputs = std::make_shared<const Document>(std::move(outputs));
        }
        records.push_back(std::move(record));
    }

    Document outputs_of(const Job& job) {
        Document outputs;
        for (std::uint64_t kind = 0; kind < RandomValues::kKinds; ++kind)
            if (!values_.one_in(12)) outputs.emplace(fmt::format("kind-{}", kind), values_.value_of_kind(kind));
        if (job.job == 1) outputs.emplace("only_sweep", values_.array(ElementType::float64, {100}));
        return outputs;
    }

    RandomValues values_;
    std::vector<std::shared_ptr<const PipelineContext>> pipelines_;
    std::vector<Job> jobs_;
    std::size_t next_ = 0;
    std::map<Key, Expected> expected_;
    std::map<Key, JobStatus> statuses_;
    std::uint64_t attempts_ = 0;
};

void expect_same(const Document& got, const Document& wanted, const std::string& what) {
    EXPECT_EQ(got.size(), wanted.size()) << what << "\n" << to_json(got) << "\n" << to_json(wanted);
    for (const auto& [key, value] : wanted) {
        const auto found = got.find(key);
        ASSERT_NE(found, got.end()) << what << " lacks " << key << " = " << to_json(value);
        EXPECT_TRUE(found->second == value) << what << " " << key << ":\n"
                                            << to_json(found->second) << "\n"
                                            << to_json(value);
    }
}

void expect_all(Results& results, const RandomRun& run) {
    std::map<Key, JobStatus> statuses;
    for (const JobRow& row : results.jobs()) {
        const bool added =
            statuses.emplace(Key{row.pipeline, row.pipeline_instance, row.name, row.instance}, row.status).second;
        EXPECT_TRUE(added) << row.name << " " << row.instance;
        EXPECT_EQ(row.error.empty(), row.status == JobStatus::succeeded);
        EXPECT_EQ(row.worker, "Worker-" + row.name);
    }
    EXPECT_EQ(statuses, run.statuses());
    std::set<std::pair<std::string, std::string>> tables;
    for (const auto& [key, expected] : run.expected()) {
        const auto outputs = results.outputs(key[0], key[1], key[2], key[3]);
        const std::string what = fmt::format("{} {} {} {}", key[0], key[1], key[2], key[3]);
        ASSERT_TRUE(outputs) << what;
        expect_same(*outputs, expected.values, what);
        tables.emplace(key[0], key[2]);
    }
    std::size_t rows = 0;
    for (const auto& [pipeline, job] : tables) {
        for (const auto& row : results.table(pipeline, job).rows) {
            const auto found = run.expected().find(Key{pipeline, row.pipeline_instance, job, row.instance});
            ASSERT_NE(found, run.expected().end()) << row.instance;
            expect_same(row.parameters, found->second.parameters, row.instance);
            expect_same(row.values, found->second.values, row.instance);
            ++rows;
        }
    }
    EXPECT_EQ(rows, run.expected().size());
}

// The lines that `command` prints.
std::vector<std::string> lines_of(const std::string& command) {
    std::vector<std::string> lines;
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> part{};
    while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), got);
    EXPECT_EQ(::pclose(pipe), 0) << command;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// The program in the format's documentation, as it stands there.
std::filesystem::path documented_reader(const std::filesystem::path& folder) {
    const std::string page = content_of(PENSTOCK_SOURCE_DIR "/docs/store_format.md");
    const std::size_t begin = page.find("# every-value.py");
    EXPECT_NE(begin, std::string::npos);
    const auto path = folder / "every-value.py";
    write_content(path, page.substr(begin, page.find("```", begin) - begin));
    return path;
}

void expect_same_in_python(const SampleRun& run, const RandomRun& random) {
    std::multiset<std::string> expected, got;
    for (const auto& [key, row] : random.expected()) {
        if (row.parameters.empty() && key[2] == "quiet") continue;  // no parameters and no values: no table
        expected.insert(key[0] + " " + key[2] + " " + key[3] + " " + to_json(row.parameters) + " " +
                        to_json(row.values));
    }
    const auto script = documented_reader(run.folder());
    for (const std::string& line :
         lines_of(fmt::format("/usr/bin/python3 {} {}", script.string(), run.results().string()))) {
        const Value row = from_json(line);
        const auto text = [&](const char* key) { return at(row.map(), key).string(); };
        got.insert(text("pipeline") + " " + text("job") + " " + text("instance") + " " +
                   to_json(at(row.map(), "parameters")) + " " + to_json(at(row.map(), "values")));
    }
    for (const std::string& line : expected) EXPECT_EQ(got.count(line), expected.count(line)) << "not read: " << line;
    for (const std::string& line : got) EXPECT_EQ(expected.count(line), got.count(line)) << "not written: " << line;
}

void expect_dumps_cleanly(const SampleRun& run) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run.folder())) {
        if (entry.path().extension() != ".h5" || !entry.is_regular_file()) continue;
        EXPECT_EQ(std::system(fmt::format("h5dump {} > /dev/null 2>&1", entry.path().string()).c_str()), 0)
            << entry.path();
    }
}

// Writes the run with several brokers, cutting segments at random places.
void write_randomly(const SampleRun& run, RandomRun& random) {
    std::vector<std::unique_ptr<RecordWriter>> writers;
    for (std::uint32_t rank = 1; rank <= 3; ++rank) writers.push_back(make_record_writer(run.options(rank)));
    for (auto records = random.next(1); !records.empty(); records = random.next(1 + random.values().below(20)))
        SampleRun::write(*writers[random.values().below(writers.size())], std::move(records));
    for (auto& writer : writers) writer->stop();
}

}  // namespace

TEST(RoundTrip, EveryValueOfARunningAndOfACollectedRun) {
    PENSTOCK_TRACE_SEED();
    RandomRun random(test::seed());
    const SampleRun run;
    write_randomly(run, random);
    {
        const auto live = Results::open(run.directory());
        expect_all(*live, random);
    }
    expect_dumps_cleanly(run);
    const CollectReport report = run.collect();
    EXPECT_EQ(report.jobs, random.statuses().size());
    EXPECT_EQ(report.attempts, random.attempts());
    std::filesystem::remove_all(run.directory() / "segments");
    const auto collected = Results::open(run.results());
    expect_all(*collected, random);
    expect_dumps_cleanly(run);
    expect_same_in_python(run, random);
}

TEST(RoundTrip, CollectedInTwoStepsAsInOne) {
    PENSTOCK_TRACE_SEED();
    RandomRun random(test::seed());
    const SampleRun one_step, two_steps;
    write_randomly(one_step, random);
    const auto copy = [&](bool rest) {
        for (const std::string& name : one_step.segments())
            if (rest || random.values().one_in(2))
                std::filesystem::copy_file(one_step.directory() / "segments" / name,
                                           two_steps.directory() / "segments" / name,
                                           std::filesystem::copy_options::skip_existing);
    };
    one_step.collect();
    CollectOptions options;
    options.keep_segments = random.values().one_in(2);
    copy(false);
    two_steps.collect(options);
    copy(true);
    two_steps.collect();
    EXPECT_EQ(
        std::system(fmt::format("h5diff {} {}", one_step.results().string(), two_steps.results().string()).c_str()), 0);
    expect_all(*Results::open(two_steps.results()), random);
}

}  // namespace penstock
