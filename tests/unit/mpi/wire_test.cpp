#include "mpi/wire.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace penstock {
namespace {

std::vector<Envelope> through_the_wire(const std::vector<Message>& messages, FrameReader& reader) {
    FrameWriter writer;
    for (const Message& m : messages) writer.add(m);
    const std::vector<char> frame = writer.take({});
    std::vector<Envelope> out;
    reader.read(frame, 4, 9, out);
    return out;
}

template <class M, class Inbox>
M same(const M& m) {
    FrameReader reader;
    const auto out = through_the_wire({Message(Inbox(m))}, reader);
    EXPECT_EQ(out.size(), 1u);
    EXPECT_EQ(out.at(0).from, 4u);
    EXPECT_EQ(out.at(0).to, 9u);
    EXPECT_EQ(describe(out.at(0).message), describe(Message(Inbox(m))));
    return std::get<M>(std::get<Inbox>(out.at(0).message));
}

const JobRun kRun{PipelineId(3), JobIndex(100), 50};

TEST(Wire, MessagesToTheRouter) {
    const auto ready = same<msg::Ready, RouterMessage>({kRun, TemplateIndex(2), 7, 5, false});
    EXPECT_EQ(ready.jobs, kRun);
    EXPECT_EQ(ready.holder, 5u);
    EXPECT_FALSE(ready.located);
    EXPECT_EQ((same<msg::Skipped, RouterMessage>({kRun, JobIndex(9)}).cause), JobIndex(9));
    const auto ended = same<msg::Ended, RouterMessage>({kRun, false, 2, 1ull << 40, 77, true, "exit code 3"});
    EXPECT_EQ(ended.first_record, 1ull << 40);
    EXPECT_EQ(ended.busy_ns, 77u);
    EXPECT_TRUE(ended.followed);
    EXPECT_EQ(ended.error, "exit code 3");
    const PastAttempts past{4, 2, 9, 1};
    const auto again = same<msg::AttemptFailed, RouterMessage>(
        {kRun, TemplateIndex(2), 4, 5, false, past, 1ull << 40, 77, "no such host"});
    EXPECT_EQ(again.jobs, kRun);
    EXPECT_EQ(again.attempt, 4u);
    EXPECT_EQ(again.holder, 5u);
    EXPECT_FALSE(again.located);
    EXPECT_EQ(again.past, past);
    EXPECT_EQ(again.record, 1ull << 40);
    EXPECT_EQ(again.busy_ns, 77u);
    EXPECT_EQ(again.error, "no such host");
    const auto returned = same<msg::Returned, RouterMessage>({{{kRun, TemplateIndex(1), 3, 4, true, past}, {}}});
    ASSERT_EQ(returned.items.size(), 2u);
    EXPECT_EQ(returned.items[0].past, past);
    EXPECT_EQ(returned.items[0].attempt, 3u);
    EXPECT_EQ((same<msg::Durable, RouterMessage>({12345}).record), 12345u);
    EXPECT_EQ((same<msg::Refused, RouterMessage>({kRun, "too big"}).error), "too big");
    EXPECT_EQ((same<msg::StoreFailed, RouterMessage>({"disk full"}).error), "disk full");
    StageCounts counts;
    counts.items_in = 1ull << 40;
    counts.bytes_out = 5;
    counts.alive = 77;
    const auto progress = same<msg::StageProgress, RouterMessage>({PipelineId(3), JobIndex(8), counts});
    EXPECT_EQ(progress.job, JobIndex(8));
    EXPECT_EQ(progress.counts, counts);
    const auto bye = same<msg::Bye, RouterMessage>({{{"noop", {5, 1, 99, {1, 2, 3}}}, {"sleep", {}}}});
    EXPECT_EQ(bye.by_worker.at("noop").histogram, std::vector<std::uint32_t>({1, 2, 3}));
    EXPECT_EQ(bye.by_worker.at("sleep").failed, 0u);
}

TEST(Wire, MessagesToBrokersAndPipeliners) {
    PipelineInfo info{PipelineId(3), PlanId(1), "page=\"a\"", {{"url", Value("http://x")}, {"n", Value(3)}}};
    const auto introduced = same<msg::IntroducePipeline, BrokerMessage>({info, 6, -5});
    EXPECT_EQ(introduced.info.own_data, info.own_data);
    EXPECT_EQ(introduced.info.instance, info.instance);
    EXPECT_EQ(introduced.pipeliner, 6u);
    EXPECT_TRUE((same<msg::Assign, BrokerMessage>({kRun, TemplateIndex(1), 1, 2, true, true}).reserved));
    EXPECT_EQ((same<msg::Recall, BrokerMessage>({17}).count), 17u);
    const auto located = same<msg::Located, BrokerMessage>({8, {{JobIndex(1), 2, 3}}});
    EXPECT_EQ(located.runs.at(0).holder, 3u);
    const auto fetch = same<msg::Fetch, BrokerMessage>({8, PipelineId(3), "words", {kRun}});
    EXPECT_EQ(fetch.key, "words");
    EXPECT_EQ(fetch.jobs.at(0), kRun);
    const std::vector<std::byte> bytes(70'000, std::byte{7});
    EXPECT_EQ((same<msg::Fetched, BrokerMessage>({8, bytes}).bytes), bytes);
    EXPECT_EQ((same<msg::FetchedChunk, BrokerMessage>({8, 5, 100'000, bytes}).offset), 5u);
    same<msg::ChunkTaken, BrokerMessage>({8, 5});
    same<msg::Release, BrokerMessage>({kRun});
    same<msg::ForgetPipeline, BrokerMessage>({PipelineId(3)});
    EXPECT_EQ((same<msg::ForgetPlan, BrokerMessage>({PlanId(7)}).plan), PlanId(7));
    EXPECT_EQ((same<msg::ForgetPlan, PipelinerMessage>({PlanId(7)}).plan), PlanId(7));
    same<msg::Flush, BrokerMessage>({});
    same<msg::Stop, BrokerMessage>({});
    same<msg::StartPipelines, PipelinerMessage>({PipelineId(1), 5, PlanId(2)});
    same<msg::Locate, PipelinerMessage>({1, PipelineId(2), {kRun}});
    same<msg::Stop, PipelinerMessage>({});
}

TEST(Wire, AFrameKeepsTheOrderOfItsMessages) {
    FrameReader reader;
    std::vector<Message> messages;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        if (i % 3 == 0) messages.push_back(RouterMessage(msg::Durable{i}));
        if (i % 3 == 1) messages.push_back(BrokerMessage(msg::Recall{i}));
        if (i % 3 == 2) messages.push_back(RouterMessage(msg::StoreFailed{std::to_string(i)}));
    }
    const auto out = through_the_wire(messages, reader);
    ASSERT_EQ(out.size(), messages.size());
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(describe(out[i].message), describe(messages[i]));
}

// `n` templates; every third with a for-each shared with its neighbour.
std::shared_ptr<Plan> some_plan(std::uint32_t n) {
    auto plan = std::make_shared<Plan>();
    plan->name = "wide";
    plan->data = {{"x", Value(1)}};
    plan->definition_directory = "/definitions";
    plan->groupings = {{{0, 1, 2, 3, 4, 5}, 6}, {{0}, 1}};
    std::shared_ptr<const ForEach> shared;
    for (std::uint32_t i = 0; i < n; ++i) {
        JobTemplate t;
        t.name = "job-" + std::to_string(i);
        t.worker = "noop";
        t.first_job = JobIndex(plan->job_count);
        if (i % 3 == 0) {
            auto f = std::make_shared<ForEach>();
            f->dimensions = {{Axis{"i", Range{0, 1, 3}}},
                             {Axis{"b", Linspace{0, 1, 2}}, Axis{"c", std::vector<Value>{Value("u"), Value(2.5)}}}};
            shared = f;
        }
        if (i % 3 != 2) {
            t.for_each = shared;
            t.count = shared->count();
        }
        t.with = {{"argv", Value(List{Value("echo"), Value("{i}")})}};
        Binding b;
        b.key = "x";
        b.from = Binding::From::outputs;
        b.source_key = "y";
        b.producers.push_back({TemplateIndex(i), Relation::group, i % 3 == 2 ? 1u : 0u});
        b.missing = Missing::drop;
        t.bindings.push_back(b);
        t.save = {false, {"a", "b"}};
        t.resources = {2, 5, {{"matlab", 1}}};
        t.isolation = Isolation::in_line;
        t.priority = -3;
        t.follower = i;
        t.hash = i * 17;
        t.data_keys = {"x"};
        t.group_hashes = std::make_shared<const std::vector<std::uint64_t>>(t.count, i);
        plan->job_count += t.count;
        plan->templates.push_back(std::move(t));
    }
    return plan;
}

TEST(Wire, AForgottenPlanIsLetGoOf) {
    const auto plan = some_plan(3);
    FrameReader reader;
    const std::vector<Message> block{BrokerMessage(msg::PlanBlock{PlanId(4), plan, 0, 3, true})};
    std::weak_ptr<const Plan> read;
    {
        const auto arrived = through_the_wire(block, reader);
        read = std::get<msg::PlanBlock>(std::get<BrokerMessage>(arrived.at(0).message)).plan;
    }
    EXPECT_FALSE(read.expired()) << "more blocks may come";
    through_the_wire({BrokerMessage(msg::ForgetPlan{PlanId(4)})}, reader);
    EXPECT_TRUE(read.expired());
}

TEST(Wire, PlansArriveInBlocksAndArePutTogether) {
    const auto plan = some_plan(10);
    FrameReader reader;
    const auto first = through_the_wire({BrokerMessage(msg::PlanBlock{PlanId(4), plan, 5, 10, true})}, reader);
    const auto got = std::get<msg::PlanBlock>(std::get<BrokerMessage>(first.at(0).message)).plan;
    EXPECT_EQ(got->name, "wide");
    EXPECT_EQ(got->data, plan->data);
    EXPECT_EQ(got->job_count, plan->job_count);
    ASSERT_EQ(got->templates.size(), 10u);
    EXPECT_TRUE(got->templates[2].worker.empty());  // not sent yet, but where its jobs are is known
    EXPECT_EQ(got->templates[2].first_job, plan->templates[2].first_job);
    EXPECT_EQ(got->template_of(JobIndex(7)), plan->template_of(JobIndex(7)));

    const auto second = through_the_wire({BrokerMessage(msg::PlanBlock{PlanId(4), plan, 0, 5, false})}, reader);
    EXPECT_EQ(std::get<msg::PlanBlock>(std::get<BrokerMessage>(second.at(0).message)).plan, got);
    for (std::uint32_t i = 0; i < 10; ++i) {
        const JobTemplate& a = got->templates[i];
        const JobTemplate& b = plan->templates[i];
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.with, b.with);
        EXPECT_EQ(a.count, b.count);
        EXPECT_EQ(a.resources, b.resources);
        EXPECT_EQ(a.isolation, b.isolation);
        EXPECT_EQ(a.priority, b.priority);
        EXPECT_EQ(a.follower, b.follower);
        EXPECT_EQ(a.save.keys, b.save.keys);
        EXPECT_EQ(a.bindings.at(0).producers.at(0).relation, Relation::group);
        EXPECT_EQ(a.bindings.at(0).missing, Missing::drop);
        ASSERT_EQ(a.for_each == nullptr, b.for_each == nullptr) << i;
        for (std::uint32_t k = 0; k < b.count; ++k) {
            if (b.for_each != nullptr) {
                EXPECT_EQ(a.for_each->label(k), b.for_each->label(k));
            }
            EXPECT_EQ(job_hash(*got, {}, a, k), job_hash(*plan, {}, b, k));
        }
    }
}

TEST(Wire, StructuresArriveWhole) {
    const auto plan = some_plan(4);
    plan->edges = {{TemplateIndex(0), TemplateIndex(1), Relation::twin, When::ended, true, 0},
                   {TemplateIndex(0), TemplateIndex(2), Relation::all, When::succeeded, false, 0}};
    const auto structure = std::make_shared<const Structure>(structure_of(*plan));
    FrameReader reader;
    const auto out = through_the_wire({PipelinerMessage(msg::StartPlan{PlanId(4), structure})}, reader);
    const auto got = std::get<msg::StartPlan>(std::get<PipelinerMessage>(out.at(0).message)).structure;
    EXPECT_EQ(got->first_job, structure->first_job);
    EXPECT_EQ(got->edge_begin, structure->edge_begin);
    ASSERT_EQ(got->edges.size(), 2u);
    EXPECT_EQ(got->edges[0].when, When::ended);
    EXPECT_EQ(got->sole_source, structure->sole_source);
    EXPECT_EQ(got->groupings[0].consumer_of, structure->groupings[0].consumer_of);
    EXPECT_EQ(got->members[0].members, structure->members[0].members);
    EXPECT_TRUE(got->any_values);
}

StreamItems items_of(std::size_t count, std::size_t bytes) {
    StreamItems items;
    items.sizes.assign(count, static_cast<std::uint32_t>(bytes));
    std::vector<std::byte> all(count * bytes);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 7);
    items.bytes = std::move(all);
    return items;
}

BrokerMessage with_items(StreamItems items) {
    return msg::StreamItems{
        PipelineId(1), JobIndex(2), JobIndex(3), 4, true, std::make_shared<const StreamItems>(std::move(items))};
}

const StreamItems& items_in(const Envelope& e) {
    return *std::get<msg::StreamItems>(std::get<BrokerMessage>(e.message)).items;
}

TEST(Wire, ManyBytesOfItemsGoBesideTheFrameWithoutACopy) {
    const StreamItems large = items_of(2, kLeastPayload), small = items_of(3, 9);
    FrameWriter writer;
    writer.add(with_items(large));
    writer.add(with_items(small));
    const std::vector<char> frame = writer.take({});
    const std::vector<SharedBytes> payloads = writer.take_payloads();
    EXPECT_LT(frame.size(), 1000u);
    ASSERT_EQ(payloads.size(), 1u);
    EXPECT_EQ(payloads[0].data(), large.bytes.data()) << "sent from where they lie";
    FrameReader reader;
    std::vector<Envelope> out;
    reader.read(frame, 1, 2, out);
    const auto places = reader.take_payloads();
    ASSERT_EQ(out.size(), 2u);
    ASSERT_EQ(places.size(), 1u);
    ASSERT_EQ(places[0].size(), payloads[0].size());
    std::copy_n(payloads[0].data(), payloads[0].size(), places[0].data());
    EXPECT_EQ(items_in(out[0]), large);
    EXPECT_EQ(items_in(out[1]), small);
    EXPECT_TRUE(writer.take_payloads().empty());
    EXPECT_TRUE(reader.take_payloads().empty());
}

TEST(Wire, AnItemOfAnySizeGoesBesideTheFrame) {
    const std::size_t large = std::size_t{200} << 20;
    StreamItems item;
    item.sizes = {static_cast<std::uint32_t>(large)};
    BytesWriter bytes;
    bytes.extend(large);  // never written: it costs no memory
    item.bytes = bytes.take();
    FrameWriter writer;
    writer.add(with_items(item));
    const std::vector<char> frame = writer.take({});
    EXPECT_LT(frame.size(), 1000u);
    EXPECT_EQ(writer.take_payloads().at(0).data(), item.bytes.data());
    FrameReader reader;
    std::vector<Envelope> out;
    reader.read(frame, 1, 2, out);
    EXPECT_EQ(reader.take_payloads().at(0).size(), large);
}

TEST(Wire, FewItemsAreReadWhereTheirFrameLies) {
    FrameWriter writer;
    writer.add(with_items(items_of(100, 90)));
    const auto frame = std::make_shared<const std::vector<char>>(writer.take({}));
    FrameReader reader;
    std::vector<Envelope> out;
    reader.read(*frame, 1, 2, out, frame);
    const std::byte* const at = items_in(out.at(0)).bytes.data();
    const auto* const begin = reinterpret_cast<const std::byte*>(frame->data());
    EXPECT_TRUE(at > begin && at < begin + frame->size());
    EXPECT_EQ(items_in(out[0]), items_of(100, 90));
    EXPECT_EQ(frame.use_count(), 2) << "the items keep it";
}

TEST(Wire, AnotherVersionIsRefusedByNumber) {
    FrameWriter writer;
    writer.add(BrokerMessage(msg::Stop{}));
    std::vector<char> frame = writer.take({});
    frame[0] = 99;
    FrameReader reader;
    std::vector<Envelope> out;
    try {
        reader.read(frame, 1, 2, out);
        FAIL() << "no error";
    } catch (const WireError& e) {
        EXPECT_NE(std::string(e.what()).find("99"), std::string::npos) << e.what();
    }
    EXPECT_TRUE(out.empty());
}

template <class M, class Inbox>
void expect_flags_checked(const M& m, std::initializer_list<std::size_t> offsets) {
    constexpr std::size_t kBefore = 6;  // version, role, kind
    for (const std::size_t offset : offsets) {
        FrameWriter writer;
        writer.add(Message(Inbox(m)));
        std::vector<char> frame = writer.take({});
        frame.at(kBefore + offset) = 2;
        FrameReader reader;
        std::vector<Envelope> out;
        EXPECT_THROW(reader.read(frame, 1, 2, out), WireError) << describe(Message(Inbox(m))) << " byte " << offset;
    }
}

// Found by the fuzz target: a bool that is neither is undefined behaviour wherever it is looked at.
TEST(Wire, WhatIsNoTruthValueIsRefused) {
    expect_flags_checked<msg::Ready, RouterMessage>({}, {offsetof(msg::Ready, located)});
    expect_flags_checked<msg::Assign, BrokerMessage>({},
                                                     {offsetof(msg::Assign, located), offsetof(msg::Assign, reserved)});
    expect_flags_checked<msg::Recall, BrokerMessage>(
        {}, {offsetof(msg::Recall, end_running), offsetof(msg::Recall, no_followers)});
}

// A structure as no plan has it would have a pipeliner look behind the ends of its lists.
TEST(Wire, StructuresThatContradictThemselvesAreRefused) {
    const auto sound = [] { return structure_of(*some_plan(4)); };
    const auto refused = [](const Structure& structure) {
        FrameWriter writer;
        writer.add(PipelinerMessage(msg::StartPlan{PlanId(4), std::make_shared<const Structure>(structure)}));
        FrameReader reader;
        std::vector<Envelope> out;
        try {
            reader.read(writer.take({}), 1, 2, out);
            return false;
        } catch (const WireError&) {
            return true;
        }
    };
    EXPECT_FALSE(refused(sound()));
    EXPECT_TRUE(refused({}));
    Structure s = sound();
    s.first_job.pop_back();
    EXPECT_TRUE(refused(s));
    s = sound();
    s.sole_source[0] = 77;
    EXPECT_TRUE(refused(s));
    s = sound();
    s.edge_begin.back() = 5;
    EXPECT_TRUE(refused(s));
    s = sound();
    s.groupings[0].consumer_of[0] = 6;
    EXPECT_TRUE(refused(s));
    s = sound();
    s.members[0].members[0] = 6;
    EXPECT_TRUE(refused(s));
    s = sound();
    s.any_values = !s.any_values;
    EXPECT_TRUE(refused(s));
}

// What is known of a plan stays: jobs of it may run while the next block comes.
TEST(Wire, APlanThatIsKnownIsNotReplaced) {
    FrameReader reader;
    const std::vector<Message> first{BrokerMessage(msg::PlanBlock{PlanId(4), some_plan(3), 0, 3, true})};
    through_the_wire(first, reader);
    EXPECT_THROW(through_the_wire(first, reader), WireError);
    EXPECT_THROW(through_the_wire({BrokerMessage(msg::PlanBlock{PlanId(4), some_plan(3), 1, 2, false})}, reader),
                 WireError);
}

TEST(Wire, DamagedFramesAreErrorsAndNeverCrash) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    FrameWriter writer;
    writer.add(RouterMessage(msg::Ended{kRun, false, 2, 5, 77, false, "why"}));
    writer.add(BrokerMessage(msg::PlanBlock{PlanId(4), some_plan(10), 0, 10, true}));
    writer.add(RouterMessage(msg::Bye{{{"noop", {5, 1, 99, {1, 2, 3}}}}}));
    writer.add(with_items(items_of(4, 11)));
    writer.add(with_items(items_of(1, kLeastPayload)));
    const std::vector<char> frame = writer.take({});
    for (int i = 0; i < 2000; ++i) {
        std::vector<char> damaged = frame;
        if (i % 2 == 0) damaged.resize(random() % frame.size());
        for (unsigned flips = random() % 4; flips != 0 && !damaged.empty(); --flips)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        FrameReader reader;
        std::vector<Envelope> out;
        try {
            reader.read(damaged, 1, 2, out);
        } catch (const WireError&) {
        }
        EXPECT_LE(out.size(), frame.size());
    }
}

}  // namespace
}  // namespace penstock
