#include "exec/materialize.hpp"

#include "support/print_value.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Binding binding(std::string key, Binding::From from, bool in_document = true) {
    Binding b;
    b.key = b.source_key = std::move(key);
    b.from = from;
    b.in_document = in_document;
    return b;
}

// One job with what its keys may come from: for-each `seed` = 10, 20, 30 and data {url, n}.
struct OneJob {
    std::shared_ptr<Plan> plan = std::make_shared<Plan>();
    PipelineInfo info;

    OneJob(Document with, std::vector<Binding> bindings) {
        plan->data = {{"url", "http://a"}, {"n", 5}};
        plan->definition_directory = "/home/me/definitions";
        JobTemplate& job = plan->templates.emplace_back();
        job.name = "simulate";
        job.for_each = std::make_shared<ForEach>(ForEach{{{Axis{"seed", Range{10, 10, 3}}}}});
        job.count = 3;
        job.with = std::move(with);
        job.bindings = std::move(bindings);
    }

    std::string problem;  // of the inputs

    Materialized materialize(bool keep_placeholders = false, std::vector<Value> inputs = {},
                             const Retrieve& retrieve = nullptr) const {
        Ticket ticket;
        ticket.pipeline = std::make_shared<PipelineContext>(PipelineContext{plan, info});
        ticket.job = &plan->templates[0];
        ticket.instance = 1;
        if (!inputs.empty() || !problem.empty())
            ticket.inputs = std::make_unique<FetchedInputs>(FetchedInputs{std::move(inputs), problem});
        return penstock::materialize(ticket, keep_placeholders, retrieve);
    }
};

TEST(Materialize, AJobThatNeedsNothingGetsNothing) {
    const Materialized made = OneJob({}, {}).materialize();
    EXPECT_TRUE(made.document.empty());
    EXPECT_TRUE(made.parameters.empty());
    EXPECT_TRUE(made.scope.empty());
}

TEST(Materialize, EachKeyComesFromWhereItsBindingSays) {
    Binding words = binding("counts", Binding::From::outputs);
    words.source_key = "words";
    words.list = true;
    const OneJob job({{"size", 7}}, {binding("first", Binding::From::outputs), binding("seed", Binding::From::for_each),
                                     binding("size", Binding::From::with), binding("url", Binding::From::data), words,
                                     binding("stored", Binding::From::store)});
    std::vector<std::string> asked;
    const Materialized made =
        job.materialize(false, {"from above", List{1, 2}}, [&asked](const std::vector<std::string>& keys) {
            asked = keys;
            return Document{{"stored", 3}};
        });
    EXPECT_EQ(made.document, (Document{{"first", "from above"},
                                       {"seed", 20},
                                       {"size", 7},
                                       {"url", "http://a"},
                                       {"counts", List{1, 2}},
                                       {"stored", 3}}));
    EXPECT_EQ(made.parameters, (Document{{"size", 7}}));
    EXPECT_TRUE(made.scope.empty());
    EXPECT_THAT(asked, ElementsAre("stored"));
}

TEST(Materialize, APipelinesOwnDataComesBeforeThatOfThePlan) {
    OneJob job({}, {binding("url", Binding::From::data)});
    job.info.own_data = {{"url", "http://b"}};
    EXPECT_EQ(job.materialize().document, (Document{{"url", "http://b"}}));
}

TEST(Materialize, FillsInPlaceholdersAndHidesKeysThatOnlyTheyUse) {
    const OneJob job({{"name", "run-{seed}.{n}"}, {"whole", "{n}"}, {"list", List{"{seed}", "{{x}}", 1}}},
                     {binding("seed", Binding::From::for_each, false), binding("n", Binding::From::data, false)});
    const Materialized made = job.materialize();
    EXPECT_TRUE(made.document.empty());
    EXPECT_EQ(made.parameters, (Document{{"name", "run-20.5"}, {"whole", 5}, {"list", List{20, "{x}", 1}}}));
}

TEST(Materialize, AParameterThatIsAKeyIsFilledInToo) {
    const OneJob job({{"file", "{base}.txt"}, {"base", "{seed}-{seed}"}},
                     {binding("file", Binding::From::with), binding("base", Binding::From::with, false),
                      binding("seed", Binding::From::for_each, false)});
    const Materialized made = job.materialize();
    EXPECT_EQ(made.document, (Document{{"file", "20-20.txt"}}));
    EXPECT_EQ(made.parameters, (Document{{"file", "20-20.txt"}, {"base", "20-20"}}));
}

TEST(Materialize, KeepsPlaceholdersForTypesThatFillThemInThemselves) {
    const OneJob job({{"argv", List{"echo", "{seed}", "{base}"}}, {"base", "b{n}"}},
                     {binding("seed", Binding::From::for_each, false), binding("base", Binding::From::with, false),
                      binding("n", Binding::From::data, false), binding("url", Binding::From::data)});
    const Materialized made = job.materialize(true);
    EXPECT_EQ(made.parameters, (Document{{"argv", List{"echo", "{seed}", "{base}"}}, {"base", "b{n}"}}));
    EXPECT_EQ(made.scope, (Document{{"seed", 20}, {"base", "b5"}, {"n", 5}, {"url", "http://a"}}));
    EXPECT_EQ(made.document, (Document{{"url", "http://a"}}));
}

TEST(Materialize, KnowsTheDefinitionsFolder) {
    EXPECT_EQ(OneJob({{"file", "{definition-dir}/x"}}, {}).materialize().parameters.at("file"),
              Value("/home/me/definitions/x"));
}

TEST(Materialize, AnInputThatCannotBeReadSaysWhy) {
    OneJob job({}, {binding("x", Binding::From::outputs)});
    job.problem = "the disk fails";
    EXPECT_THAT([&] { job.materialize(); }, ThrowsMessage<MissingKey>(HasSubstr("\"x\" is missing: the disk fails")));
}

TEST(Materialize, AMissingKeyIsNamedWithItsJob) {
    EXPECT_THAT([] { OneJob({}, {binding("gone", Binding::From::data)}).materialize(); },
                ThrowsMessage<MissingKey>(AllOf(HasSubstr("simulate[seed=20]"), HasSubstr("\"gone\" is missing"))));
    EXPECT_THAT([] { OneJob({}, {binding("gone", Binding::From::outputs)}).materialize(); },
                ThrowsMessage<MissingKey>(HasSubstr("\"gone\" is missing: its producer's output did not arrive")));
    EXPECT_THAT([] { OneJob({}, {binding("gone", Binding::From::with)}).materialize(); },
                ThrowsMessage<MissingKey>(HasSubstr("\"gone\" is missing")));
    EXPECT_THAT(
        [] {
            OneJob({{"x", "{gone}"}}, {}).materialize();
        },
        ThrowsMessage<MissingKey>(HasSubstr("\"gone\" is missing")));
    const OneJob stored({}, {binding("gone", Binding::From::store)});
    EXPECT_THAT([&] { stored.materialize(); }, ThrowsMessage<MissingKey>(HasSubstr("the store does not have it")));
    EXPECT_THAT([&] { stored.materialize(false, {}, [](const auto&) { return Document(); }); },
                ThrowsMessage<MissingKey>(HasSubstr("the store does not have it")));
}

TEST(Materialize, AMissingKeyThatMayBeMissingIsNull) {
    Binding gone = binding("gone", Binding::From::data);
    gone.missing = Missing::null;
    EXPECT_EQ(OneJob({}, {gone}).materialize().document, (Document{{"gone", nullptr}}));
    Binding output = binding("output", Binding::From::outputs);
    output.missing = Missing::null;
    EXPECT_EQ(OneJob({}, {output}).materialize(false, {nullptr}).document, (Document{{"output", nullptr}}));
}

TEST(Materialize, ParametersThatReferToOneAnotherInACircleAreAnError) {
    const OneJob job({{"a", "{b}"}, {"b", "x{a}"}},
                     {binding("a", Binding::From::with), binding("b", Binding::From::with)});
    EXPECT_THAT([&] { job.materialize(); },
                ThrowsMessage<ValueError>(HasSubstr("refers to itself by its placeholders")));
}

TEST(Materialize, InItsOwnTextAParameterMeansTheDataOfItsName) {
    Binding behind = binding("n@data", Binding::From::data, false);
    behind.source_key = "n";
    const OneJob job({{"n", "x{n}"}, {"m", "{n}"}}, {binding("n", Binding::From::with), behind});
    const Materialized made = job.materialize();
    EXPECT_EQ(made.parameters, (Document{{"n", "x5"}, {"m", "x5"}})) << "elsewhere it means the parameter";
    EXPECT_EQ(made.document, (Document{{"n", "x5"}}));
    const OneJob command({{"n", "x{n}"}}, {behind});
    EXPECT_EQ(at(command.materialize(true).scope, "n"), Value(5)) << "who fills in by himself";
}

Value seed_and_list(std::string_view name) {
    if (name == "seed") return 3;
    if (name == "list") return List{1, 2.5};
    throw MissingKey(std::string(name));
}

TEST(FillPlaceholders, WholeStringsBecomeTheValueAndOthersItsText) {
    EXPECT_EQ(fill_placeholders("{seed}", seed_and_list), Value(3));
    EXPECT_EQ(fill_placeholders(" {seed}", seed_and_list), Value(" 3"));
    EXPECT_EQ(fill_placeholders("{list}", seed_and_list), Value(List{1, 2.5}));
    EXPECT_EQ(fill_placeholders("<{list}{seed}>", seed_and_list), Value("<[1,2.5]3>"));
    EXPECT_EQ(fill_placeholders("{{seed}}", seed_and_list), Value("{seed}"));
    EXPECT_EQ(fill_placeholders("", seed_and_list), Value(""));
    EXPECT_EQ(fill_placeholders(Map{{"{seed}", List{"{seed}"}}}, seed_and_list), Value(Map{{"{seed}", List{3}}}));
    EXPECT_EQ(fill_placeholders(2.5, seed_and_list), Value(2.5));
}

TEST(FillPlaceholders, UnknownAndMalformedOnesThrow) {
    EXPECT_THROW(fill_placeholders("{gone}", seed_and_list), MissingKey);
    for (const char* malformed : {"{", "}", "{a b}", "{}", "x{seed", "{seed}}"})
        EXPECT_THROW(fill_placeholders(malformed, seed_and_list), ValueError) << malformed;
}

TEST(EndReason, HasANameForEach) {
    EXPECT_EQ(end_reason_name(EndReason::succeeded), "succeeded");
    EXPECT_EQ(end_reason_name(EndReason::missing_key), "missing-key");
    EXPECT_EQ(end_reason_name(EndReason::store), "store");
}

}  // namespace
}  // namespace penstock
