// `penstock table RUN PIPELINE/STAGE`: the items of a stream.
#include "cli/result_commands.hpp"
#include "core/plan.hpp"
#include "store/record_writer.hpp"
#include "store/store_error.hpp"
#include "value/value_codec.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

namespace penstock {

namespace {

class StreamTable : public testing::Test {
protected:
    StreamTable() {
        std::string name = (std::filesystem::temp_directory_path() / "penstock-test-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        std::filesystem::create_directories(folder_ / "run.h5.run" / "segments");
        auto plan = std::make_shared<Plan>();
        plan->name = "titles";
        plan->templates.resize(1);
        plan->templates[0].name = "top";
        plan_ = std::move(plan);
    }
    ~StreamTable() override { std::filesystem::remove_all(folder_); }

    // What `rank` stored of one pipeline.
    void store(std::uint32_t rank, const std::string& instance, const std::vector<Value>& items) {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = PipelineId(rank);
        context->info.instance = instance;
        WriterOptions options;
        options.run_directory = folder_ / "run.h5.run";
        options.rank = rank;
        const auto writer = make_record_writer(std::move(options));
        StreamRecord record{context, &plan_->templates[0], 1, 0, {}};
        ItemsWriter made;
        for (const Value& item : items) {
            const std::size_t before = made.bytes.size();
            encode(item, made.bytes);
            made.sizes.push_back(static_cast<std::uint32_t>(made.bytes.size() - before));
        }
        record.items = made.take();
        writer->add(std::move(record));
        writer->stop();
    }
    std::string table(TableForm form) {
        std::istringstream in;
        std::ostringstream out, err;
        Streams streams{in, out, err};
        EXPECT_EQ(run_table({(folder_ / "run.h5").string(), "titles/top", form}, streams), 0);
        said_ = err.str();
        return out.str();
    }

    std::filesystem::path folder_;
    std::shared_ptr<const Plan> plan_;
    std::string said_;
};

}  // namespace

TEST_F(StreamTable, OneItemALine) {
    store(1, "", {Value("the"), Value(2), Value("a,\nb"), Value()});
    EXPECT_EQ(table(TableForm::csv), "item\r\nthe\r\n2\r\n\"a,\nb\"\r\n" + std::string("null\r\n"));
    EXPECT_EQ(table(TableForm::json), "{\"item\":\"the\"}\n{\"item\":2}\n{\"item\":\"a,\\nb\"}\n{\"item\":null}\n");
    EXPECT_EQ(said_, "");
    const std::string text = table(TableForm::text);
    EXPECT_EQ(text.substr(0, 6), "the\n2\n");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << "control characters do not come through: " << text;
}

TEST_F(StreamTable, MoreItemsThanAreReadAtOnce) {
    std::vector<Value> items;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        items.emplace_back(i);
        expected += std::to_string(i) + "\n";
    }
    store(1, "", items);
    EXPECT_EQ(table(TableForm::text), expected);
}

TEST_F(StreamTable, EachPipelineByItsName) {
    store(1, "n=1", {Value(1), Value(2)});
    store(2, "n=2", {Value(3)});
    EXPECT_EQ(table(TableForm::text), "== n=1 ==\n1\n2\n== n=2 ==\n3\n");
    EXPECT_EQ(table(TableForm::csv), "pipeline,item\r\nn=1,1\r\nn=1,2\r\nn=2,3\r\n");
    EXPECT_EQ(table(TableForm::json).substr(0, 36), "{\"item\":1,\"pipeline_instance\":\"n=1\"}");
}

TEST_F(StreamTable, WithoutItems) {
    store(1, "", {});
    EXPECT_EQ(table(TableForm::text), "");
    EXPECT_EQ(said_, "penstock table: no items of titles/top are stored so far\n");
}

}  // namespace penstock
