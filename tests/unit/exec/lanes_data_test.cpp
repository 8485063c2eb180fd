#include "lanes_fixture.hpp"

#include "value/value_codec.hpp"

#include <fstream>
#include <random>

namespace penstock::testing {

class LanesData : public LanesTest {
protected:
    LanesData() { fork_zygote(); }

    // A job of `worker` whose key "in" is the given value.
    Ticket with_input(const std::string& worker, Value in) {
        TestPlan plan;
        plan.job("producer", "noop", Isolation::process).job("j", worker, Isolation::process);
        plan.last().bindings = {
            {"in", Binding::From::outputs, "out", {{TemplateIndex(0)}}, false, Missing::fail, true}};
        Ticket made = ticket(plan.context(), 1);
        made.inputs = std::make_unique<FetchedInputs>();
        made.inputs->values.push_back(std::move(in));
        return made;
    }
    Value echo(Value in) {
        run(0, with_input("echo", std::move(in)));
        const auto outcomes = collect(1);
        EXPECT_TRUE(outcomes[0].succeeded) << describe(outcomes[0]);
        return outcomes[0].outputs != nullptr ? at(*outcomes[0].outputs, "out") : Value();
    }
};

TEST_F(LanesData, EveryTypeOfValueGoesThroughAndBack) {
    const std::vector<Value> values{{},
                                    true,
                                    -7,
                                    0.5,
                                    "text",
                                    Bytes{std::byte{0}, std::byte{255}},
                                    List{1, "a", List{}},
                                    Map{{"k", Map{}}},
                                    Array::of<float>({2, 2}, std::vector<float>{1, 2, 3, 4}),
                                    Array::of<std::int8_t>({0, 3}, std::vector<std::int8_t>{})};
    for (const Value& value : values) EXPECT_EQ(echo(value), value);
    EXPECT_EQ(echo(List(values.begin(), values.end())), Value(List(values.begin(), values.end())));
}

// Around each place where the way of a document changes, and where rings wrap.
TEST_F(LanesData, DocumentsOfEverySizeArriveWhole) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::vector<std::size_t> sizes{0,      1,      65'000,    65'520,    65'530,   65'536,
                                   65'540, 70'000, 1'048'575, 1'048'576, 3'000'000};
    for (int i = 0; i < 200; ++i) sizes.push_back(random() % 70'000);
    std::vector<std::string> texts;
    std::vector<Ticket> tickets;
    for (const std::size_t size : sizes) {
        std::string text(size, '\0');
        for (char& c : text) c = static_cast<char>('a' + random() % 26);
        tickets.push_back(with_input("echo", text));
        texts.push_back(std::move(text));
    }
    run_all(0, std::move(tickets));
    const auto outcomes = collect(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        ASSERT_TRUE(outcomes[i].succeeded) << describe(outcomes[i]);
        ASSERT_EQ(outcomes[i].ticket, i + 1);
        ASSERT_EQ(at(*outcomes[i].outputs, "out").string(), texts[i]) << "of " << sizes[i] << " bytes";
    }
}

TEST_F(LanesData, AnArrayOfAGibibyteGoesInAndOut) {
    constexpr std::size_t kElements = 128 * 1024 * 1024;
    std::vector<double> elements(kElements);
    for (std::size_t i = 0; i < kElements; ++i) elements[i] = static_cast<double>(i);
    Value in = Array::of<double>({kElements / 1024, 1024}, elements);
    elements = {};
    run(0, with_input("double", std::move(in)));
    const auto outcomes = collect(1);
    ASSERT_TRUE(outcomes[0].succeeded) << describe(outcomes[0]);
    const Array& out = at(*outcomes[0].outputs, "out").array();
    EXPECT_EQ(out.shape(), (std::vector<std::uint64_t>{kElements / 1024, 1024}));
    const auto doubled = out.as<double>();
    ASSERT_EQ(doubled.size(), kElements);
    for (std::size_t i = 0; i < kElements; ++i) ASSERT_EQ(doubled[i], 2.0 * static_cast<double>(i));
}

TEST_F(LanesData, ManyLargeOutputsInARow) {
    const auto context = one_job("iota", {{"count", 20'000}});
    std::vector<Ticket> tickets;
    for (int i = 0; i < 500; ++i) tickets.push_back(ticket(context));
    run_all(0, std::move(tickets));
    for (const Outcome& outcome : collect(500)) {
        ASSERT_TRUE(outcome.succeeded) << describe(outcome);
        const auto out = at(*outcome.outputs, "out").array().as<double>();
        ASSERT_EQ(out.size(), 20'000u);
        ASSERT_EQ(out[19'999], 19'999.0);
    }
}

TEST_F(LanesData, LargeInputsThatAreTakenBackDoNotDisturbLaterOnes) {
    const std::string path = (folder_ / "pid").string();
    const Value large = Array::of(std::vector<double>(50'000, 1.5));
    constexpr std::uint64_t id = 1;  // run() numbers them from 1
    run(0, ticket(one_job("patient", {{"path", path}})), with_input("echo", large), with_input("echo", large),
        with_input("echo", large));
    wait_for_file(path);
    std::size_t left = 4 - lanes().take_back(0).size();
    run(0, with_input("echo", Array::of(std::vector<double>(60'000, 2.5))));
    lanes().cancel(0, id, EndReason::cancelled);
    const auto outcomes = collect(left + 1);
    ASSERT_TRUE(outcomes.back().succeeded) << describe(outcomes.back());
    EXPECT_EQ(at(*outcomes.back().outputs, "out").array().as<double>()[59'999], 2.5);
    EXPECT_EQ(echo(large), large);
}

// The space of revoked jobs becomes free without any result that would tell.
TEST_F(LanesData, AfterARingFullOfJobsIsTakenBackOthersFit) {
    for (int round = 0; round < 50; ++round) {
        const std::string path = (folder_ / std::to_string(round)).string();
        run(0, ticket(one_job("until", {{"path", path}})));
        std::vector<Ticket> tickets;
        for (int i = 0; i < 12; ++i) tickets.push_back(with_input("echo", std::string(60'000, 'x')));
        run_all(0, std::move(tickets));
        std::size_t left = 13 - lanes().take_back(0).size();
        tickets.clear();
        for (int i = 0; i < 12; ++i) tickets.push_back(with_input("echo", std::string(60'000, 'y')));
        run_all(0, std::move(tickets));
        std::ofstream(path) << "go";
        for (const Outcome& outcome : collect(left + 12)) ASSERT_TRUE(outcome.succeeded) << describe(outcome);
    }
}

TEST_F(LanesData, ACrashDoesNotLoseTheLargeInputsOfOthers) {
    const Value large = Array::of(std::vector<double>(50'000, 1.5));
    run(0, ticket(one_job("crash", {{"how", "segv"}})), with_input("echo", large), with_input("echo", large));
    const auto outcomes = collect(3);
    EXPECT_FALSE(outcomes[0].succeeded);
    for (std::size_t i : {1u, 2u}) {
        ASSERT_TRUE(outcomes[i].succeeded) << describe(outcomes[i]);
        EXPECT_EQ(at(*outcomes[i].outputs, "out"), large);
    }
}

TEST_F(LanesData, ParametersAreSentOnceOrWithEachJobAndMayBeLarge) {
    const std::string long_text(200'000, 'p');
    TestPlan plan;
    plan.job("fixed", "ask", Isolation::process, {{"text", long_text}, {"n", 1}});
    plan.job("filled", "ask", Isolation::process, {{"text", long_text + "{i}"}, {"n", "{i}"}});
    auto for_each = std::make_shared<ForEach>();
    for_each->dimensions = {{{"i", Range{5, 1, 3}}}};
    plan.last().for_each = for_each;
    plan.last().count = 3;
    plan.last().bindings = {{"i", Binding::From::for_each, "i", {}, false, Missing::fail, false}};
    const auto context = plan.context();
    run(0, ticket(context, 0), ticket(context, 1, 2), ticket(context, 0), ticket(context, 1, 0));
    const auto outcomes = collect(4);
    const auto parameter = [&](std::size_t i, const char* name) {
        return at(at(at(*outcomes[i].outputs, "context").map(), "parameters").map(), name);
    };
    for (const Outcome& outcome : outcomes) ASSERT_TRUE(outcome.succeeded) << describe(outcome);
    for (std::size_t i : {0u, 2u}) {
        EXPECT_EQ(parameter(i, "text"), Value(long_text));
        EXPECT_EQ(parameter(i, "n"), Value(1));
    }
    EXPECT_EQ(parameter(1, "text"), Value(long_text + "7"));
    EXPECT_EQ(parameter(1, "n"), Value(7));
    EXPECT_EQ(parameter(3, "n"), Value(5));
}

TEST_F(LanesData, MoreTemplatesThanAProcessRemembers) {
    constexpr std::size_t kTemplates = 2500;
    TestPlan plan;
    for (std::size_t i = 0; i < kTemplates; ++i)
        plan.job("j" + std::to_string(i), "keyed", Isolation::process, {{"returns", List{"a", "b"}}, {"i", i}});
    const auto context = plan.context();
    std::vector<Ticket> tickets;
    for (std::size_t round = 0; round < 2; ++round)
        for (std::size_t i = 0; i < kTemplates; ++i) tickets.push_back(ticket(context, i));
    run_all(0, std::move(tickets));
    for (const Outcome& outcome : collect(2 * kTemplates)) ASSERT_TRUE(outcome.succeeded) << describe(outcome);
}

TEST_F(LanesData, TheContextIsTheSameInlineAndInAWorkerProcess) {
    for (const Isolation isolation : {Isolation::process, Isolation::in_line}) {
        TestPlan plan;
        plan.plan().data = {{"k", 1}};
        plan.job("asks", "ask", isolation, {{"p", "{i}"}});
        auto for_each = std::make_shared<ForEach>();
        for_each->dimensions = {{{"i", std::vector<Value>{"x", "a/b ../c"}}}};
        plan.last().for_each = for_each;
        plan.last().count = 2;
        plan.last().resources.cpus = 3;
        plan.last().bindings = {{"i", Binding::From::for_each, "i", {}, false, Missing::fail, true}};
        Ticket job = ticket(plan.context(), 0, 1);
        job.attempt = 2;
        run(0, std::move(job));
        const auto outcomes = collect(1);
        ASSERT_TRUE(outcomes[0].succeeded) << describe(outcomes[0]);
        const Map& context = at(*outcomes[0].outputs, "context").map();
        EXPECT_EQ(at(context, "pipeline"), Value("p"));
        EXPECT_EQ(at(context, "job"), Value("asks"));
        EXPECT_EQ(at(context, "instance"), Value(for_each->label(1)));
        EXPECT_EQ(at(context, "attempt"), Value(2));
        EXPECT_EQ(at(context, "cpus"), Value(3));
        EXPECT_EQ(at(context, "parameters"), Value(Map{{"p", "a/b ../c"}}));
        EXPECT_EQ(at(context, "directory"), Value("/definitions"));
        EXPECT_EQ(at(context, "cancelled"), Value(false));
        EXPECT_EQ(at(context, "same"), Value(true));
        EXPECT_EQ(at(context, "in"), Value(Map{{"i", "a/b ../c"}}));
        const std::filesystem::path scratch = at(*outcomes[0].outputs, "scratch").string();
        EXPECT_EQ(scratch.parent_path(), folder_ / "scratch");
        EXPECT_FALSE(std::filesystem::exists(scratch)) << "removed on success";
    }
}

TEST_F(LanesData, TheScratchDirectoryOfAFailedJobStays) {
    const Outcome outcome = run_one(one_job("ask", {{"throws", true}}));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(outcome.details->error) / "file"));
}

}  // namespace penstock::testing
