#include "cli/result_text.hpp"

#include "cli/job_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace penstock {
namespace {

ResultTable sweep() {
    ResultTable table;
    table.parameter_names = {"seed", "beta"};
    table.keys = {"energy", "note", "field"};
    table.rows.push_back(
        {"", "seed=0,beta=0.1", {{"seed", 0}, {"beta", 0.1}}, {{"energy", -1.5}, {"note", "a, \"b\""}}});
    table.rows.push_back({"",
                          "seed=10,beta=0.1",
                          {{"seed", 10}, {"beta", 0.1}},
                          {{"energy", 2.0}, {"note", "line\nbreak"}, {"field", Array::of(std::vector<double>(100))}}});
    return table;
}

template <class Write>
std::string written(const Write& write) {
    std::ostringstream out;
    write(out);
    return out.str();
}

std::string table_text(const ResultTable& table, TableForm form) {
    return written([&](std::ostream& out) { write_table(table, form, out); });
}

TEST(ResultText, ATableForPeople) {
    EXPECT_EQ(table_text(sweep(), TableForm::text),
              "seed  beta  energy  note         field\n"
              "   0   0.1    -1.5  a, \"b\"\n"
              "  10   0.1       2  line\\nbreak  float64[100]\n");
}

TEST(ResultText, CsvQuotesWhatMustBe) {
    ResultTable table = sweep();
    table.rows[1].values["field"] = Array::of<std::int32_t>({2, 2}, std::vector<std::int32_t>{1, 2, 3, 4});
    EXPECT_EQ(table_text(table, TableForm::csv),
              "seed,beta,energy,note,field\r\n"
              "0,0.1,-1.5,\"a, \"\"b\"\"\",\r\n"
              "10,0.1,2,\"line\nbreak\",\"[[1,2],[3,4]]\"\r\n");
}

TEST(ResultText, JsonIsAnObjectARow) {
    ResultTable table = sweep();
    table.rows.pop_back();
    EXPECT_EQ(table_text(table, TableForm::json),
              "{\"instance\":\"seed=0,beta=0.1\",\"parameters\":{\"beta\":0.1,\"seed\":0},"
              "\"values\":{\"energy\":-1.5,\"note\":\"a, \\\"b\\\"\"}}\n");
}

TEST(ResultText, PipelinesOfAForEachHaveAColumn) {
    ResultTable table;
    table.keys = {"n"};
    table.rows = {{"url=x", "", {}, {{"n", 1}}}, {"url=y", "", {}, {{"n", 2}}}};
    EXPECT_EQ(table_text(table, TableForm::text), "pipeline  n\nurl=x     1\nurl=y     2\n");
    EXPECT_THAT(table_text(table, TableForm::json), testing::HasSubstr("\"pipeline_instance\":\"url=y\""));
}

TEST(ResultText, NothingToShow) {
    ResultTable table;
    table.keys = {"n"};
    EXPECT_EQ(table_text(table, TableForm::text), "n\n");
    EXPECT_EQ(table_text(table, TableForm::csv), "n\r\n");
    EXPECT_EQ(table_text(table, TableForm::json), "");
}

TEST(ResultText, CellsAreShort) {
    EXPECT_EQ(cell_text(Value(Bytes(12))), "12 bytes");
    EXPECT_EQ(cell_text(Value(std::vector<double>{1, 2.5})), "[1.0,2.5]");
    EXPECT_EQ(cell_text(Value(Array::of<float>({3, 100}, std::vector<float>(300)))), "float32[3,100]");
    EXPECT_EQ(cell_text(Value("\x1b[2J")), "\\x1b[2J");
    EXPECT_EQ(cell_text(Value(true)), "true");
}

JobRow row(const std::string& pipeline, const std::string& p_instance, const std::string& name,
           const std::string& instance) {
    JobRow r;
    r.pipeline = pipeline;
    r.pipeline_instance = p_instance;
    r.name = name;
    r.instance = instance;
    r.worker = "command";
    r.attempts = 1;
    r.broker = 2;
    r.started = 100;
    r.finished = 100.25;
    return r;
}

TEST(ResultText, JobsForPeopleAndForPrograms) {
    JobRow good = row("sweep", "", "simulate", "seed=0");
    JobRow skipped = row("sweep", "", "mean", "");
    skipped.status = JobStatus::skipped;
    skipped.error = "sweep/simulate[seed=1]";
    const std::vector<const JobRow*> rows = {&good, &skipped};
    const auto text = [&](TableForm form) { return written([&](std::ostream& out) { write_jobs(rows, form, out); }); };
    EXPECT_EQ(text(TableForm::text),
              "job                     worker   status     attempts  broker  duration  error\n"
              "sweep/simulate[seed=0]  command  succeeded         1       2    250 ms\n"
              "sweep/mean              command  skipped           1                    sweep/simulate[seed=1]\n");
    EXPECT_EQ(text(TableForm::csv),
              "pipeline,pipeline_instance,name,instance,worker,status,attempts,broker,slot,submitted,started,finished,"
              "error\r\n"
              "sweep,,simulate,seed=0,command,succeeded,1,2,0,0,100,100.25,\r\n"
              "sweep,,mean,,command,skipped,1,2,0,0,100,100.25,sweep/simulate[seed=1]\r\n");
    EXPECT_THAT(text(TableForm::json), testing::HasSubstr("\"status\":\"skipped\""));
}

TEST(JobReference, AnInstanceMayBeMeantByItsNumber) {
    using testing::ElementsAre;
    std::vector<JobRow> rows = {row("sweep", "", "simulate", "seed=5"), row("sweep", "", "simulate", "seed=6"),
                                row("other", "", "simulate", "seed=7"), row("sweep", "", "mean", "")};
    rows[1].number = 1;
    rows[2].number = 1;
    const auto meant = [&](const std::string& reference) {
        std::vector<std::string> found;
        for (const JobRow* r : jobs_meant(rows, reference)) found.push_back(full_label(*r));
        return found;
    };
    EXPECT_THAT(meant("sweep/simulate#1"), ElementsAre("sweep/simulate[seed=6]"));
    EXPECT_THAT(meant("simulate#1"), ElementsAre("sweep/simulate[seed=6]", "other/simulate[seed=7]"));
    EXPECT_THAT(meant("simulate#0"), ElementsAre("sweep/simulate[seed=5]"));
    EXPECT_THAT(meant("simulate#2"), ElementsAre());
    EXPECT_THAT(meant("simulate#"), ElementsAre());
    EXPECT_THAT(meant("simulate#1x"), ElementsAre());
    EXPECT_THAT(meant("mean#0"), ElementsAre());  // it has no instances
}

std::vector<std::string> labels(const std::vector<JobRow>& rows, const std::string& reference) {
    std::vector<std::string> out;
    for (const JobRow* r : jobs_meant(rows, reference)) out.push_back(full_label(*r));
    return out;
}

TEST(JobReference, TheFullestMeaningCounts) {
    using testing::ElementsAre;
    const std::vector<JobRow> rows = {row("sweep", "", "simulate", "seed=0"), row("sweep", "", "simulate", "seed=1"),
                                      row("page", "url=\"a/b]\"", "download", ""), row("page", "url=y", "download", ""),
                                      row("other", "", "mean", "")};
    EXPECT_THAT(labels(rows, "sweep/simulate[seed=0]"), ElementsAre("sweep/simulate[seed=0]"));
    EXPECT_THAT(labels(rows, "simulate[seed=1]"), ElementsAre("sweep/simulate[seed=1]"));
    EXPECT_THAT(labels(rows, "simulate"), ElementsAre("sweep/simulate[seed=0]", "sweep/simulate[seed=1]"));
    EXPECT_THAT(labels(rows, "page[url=\"a/b]\"]/download"), ElementsAre("page[url=\"a/b]\"]/download"));
    EXPECT_EQ(labels(rows, "page/download").size(), 2u);
    EXPECT_THAT(labels(rows, "mean"), ElementsAre("other/mean"));
    EXPECT_TRUE(labels(rows, "nothing").empty());
    EXPECT_TRUE(labels(rows, "").empty());
}

TEST(JobReference, NearOnesAreSuggested) {
    const std::vector<JobRow> rows = {row("sweep", "", "simulate", "seed=0"), row("sweep", "", "mean", "")};
    EXPECT_EQ(near_labels(rows, "sweep/maen").front(), "sweep/mean");
    EXPECT_TRUE(near_labels(rows, "entirely-different-words").empty());
}

}  // namespace
}  // namespace penstock
