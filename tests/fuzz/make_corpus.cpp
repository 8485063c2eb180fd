// Writes the first inputs of the fuzz targets with the program's own writers. Usage: make_corpus FOLDER    Definitions
// are not among them: tests/language_examples are theirs.
#include "mpi/wire.hpp"
#include "store/journal.hpp"
#include "support/plans.hpp"
#include "value/value_json.hpp"
#include "workers/command_frames.hpp"

#include "core/structure.hpp"
#include "exec/command_npy.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace penstock;

namespace {

std::filesystem::path folder;

void keep(const std::string& target, const std::string& name, std::string_view content) {
    std::filesystem::create_directories(folder / target);
    std::ofstream(folder / target / name, std::ios::binary) << content;
}

void keep_frame(const std::string& name, const std::vector<Message>& messages) {
    FrameWriter writer;
    for (const Message& m : messages) writer.add(m);
    const std::vector<char> frame = writer.take({});
    keep("wire", name, '\xff' + std::string(frame.begin(), frame.end()));
}

StreamItemsPtr items(std::size_t bytes) {
    StreamItems made;
    made.sizes = {static_cast<std::uint32_t>(bytes)};
    made.bytes = std::vector<std::byte>(bytes);
    return std::make_shared<const StreamItems>(std::move(made));
}

void frames_to_router() {
    const JobRun run{PipelineId(1), JobIndex(0), 2};
    const PastAttempts past{1, 1, 2, 0};
    keep_frame("ready", {RouterMessage(msg::Ready{run, TemplateIndex(0), 1, 3, false})});
    keep_frame("skipped", {RouterMessage(msg::Skipped{run, JobIndex(3)})});
    keep_frame("ended", {RouterMessage(msg::Ended{run, true, 1, 1, 5, false, ""}),
                         RouterMessage(msg::Ended{run, false, 1, 3, 5, false, "why"}), RouterMessage(msg::Durable{2})});
    keep_frame("attempt_failed",
               {RouterMessage(msg::AttemptFailed{
                   {PipelineId(1), JobIndex(0), 1}, TemplateIndex(0), 1, 3, true, past, 1, 5, "why"})});
    keep_frame("returned", {RouterMessage(msg::Returned{{{run, TemplateIndex(0), 1, 3, true, past}, {}}})});
    keep_frame("refused", {RouterMessage(msg::Refused{run, "too big"}), RouterMessage(msg::StoreFailed{"full"})});
    keep_frame("stored",
               {RouterMessage(msg::FindStored{7, PipelineId(1), {run}}), RouterMessage(msg::StoredLost{"f", "e"})});
    keep_frame("stage", {RouterMessage(msg::StreamReady{PipelineId(1)}),
                         RouterMessage(msg::StageProgress{PipelineId(1), JobIndex(1), {}})});
    keep_frame("withdrawn", {RouterMessage(msg::Withdrawn{PipelineId(1), 1, {run}, {run}}),
                             RouterMessage(msg::Restarted{PipelineId(1), 1}), RouterMessage(msg::Alive{})});
    keep_frame("bye", {RouterMessage(msg::Bye{{{"noop", {5, 1, 99, {1, 2, 3}}}}})});
}

void frames_to_pipeliner(const Plan& plan) {
    const auto structure = std::make_shared<const Structure>(structure_of(plan));
    JobHistory history;
    history.kept = {{0, 2, true}};
    history.tried = {{0, 2, 1}};
    keep_frame(
        "start",
        {PipelinerMessage(msg::StartPlan{PlanId(9), structure}),
         PipelinerMessage(msg::Earlier{PipelineId(9), std::make_shared<const JobHistory>(history)}),
         PipelinerMessage(msg::StartPipelines{PipelineId(9), 2, PlanId(9)}),
         PipelinerMessage(msg::Ended{{PipelineId(9), JobIndex(0), 1}, true, 1, 1, 5, false, ""}),
         PipelinerMessage(msg::Locate{1, PipelineId(9), {{PipelineId(9), JobIndex(0), 2}}}),
         PipelinerMessage(msg::Restart{PipelineId(9), PlanId(9), 2, std::make_shared<const JobHistory>(history)}),
         PipelinerMessage(msg::Alive{}), PipelinerMessage(msg::RankLost{3}),
         PipelinerMessage(msg::ForgetPlan{PlanId(9)}), PipelinerMessage(msg::Leave{}), PipelinerMessage(msg::Stop{})});
}

void frames_to_broker(const std::shared_ptr<const Plan>& plan) {
    const auto templates = static_cast<std::uint32_t>(plan->templates.size());
    const JobRun run{PipelineId(9), JobIndex(0), 2};
    const PipelineInfo info{PipelineId(9), PlanId(9), "x=1", {{"x", Value(1)}}};
    keep_frame("plan",
               {BrokerMessage(msg::PlanBlock{PlanId(9), plan, 0, templates, true}),
                BrokerMessage(msg::IntroducePipeline{info, 1, 5, true}),
                BrokerMessage(msg::Assign{run, TemplateIndex(0), 1, 3, true, false}), BrokerMessage(msg::Recall{2}),
                BrokerMessage(msg::Release{run}), BrokerMessage(msg::ForgetPipeline{PipelineId(9)}),
                BrokerMessage(msg::ForgetPlan{PlanId(9)}), BrokerMessage(msg::Flush{}), BrokerMessage(msg::Stop{})});
    keep_frame("withdraw",
               {BrokerMessage(msg::PlanBlock{PlanId(9), plan, 0, templates, true}),
                BrokerMessage(msg::IntroducePipeline{info, 1, 5, true}),
                BrokerMessage(msg::Assign{run, TemplateIndex(0), 1, 3, true, false}),
                BrokerMessage(msg::Withdraw{PipelineId(9), 1, 1}), BrokerMessage(msg::Continue{PipelineId(9), 1}),
                BrokerMessage(msg::Alive{}), BrokerMessage(msg::RankLost{3}), BrokerMessage(msg::Leave{})});
    const std::vector<std::byte> bytes(9);
    keep_frame("values",
               {BrokerMessage(msg::Located{1, {{JobIndex(0), 2, 3}}}),
                BrokerMessage(msg::StoredAt{1, {"a.h5"}, {{JobIndex(0), 2, 0, 4}}}),
                BrokerMessage(msg::Fetch{1, PipelineId(9), "k", {run}}), BrokerMessage(msg::Fetched{1, bytes}),
                BrokerMessage(msg::FetchedChunk{1, 0, 20, bytes}), BrokerMessage(msg::ChunkTaken{1, 0})});
    const StreamPosition position{7, {{1, {5, 1}}}, {{2, "state"}}};
    keep_frame(
        "stream",
        {BrokerMessage(msg::PlaceStream{PipelineId(9), {2, 3}, 1, true, std::make_shared<StreamPosition>(position)}),
         BrokerMessage(msg::PlaceStream{PipelineId(9), {2}, 0, false, nullptr}),
         BrokerMessage(msg::OpenStream{PipelineId(9)}),
         BrokerMessage(msg::StreamItems{PipelineId(9), JobIndex(0), JobIndex(1), 3, true, items(0), 5, 1, 7}),
         RouterMessage(msg::StreamReached{PipelineId(9), JobIndex(1), 1, 7, true, 5, "state"}),
         BrokerMessage(msg::StreamItems{PipelineId(9), JobIndex(0), JobIndex(1), 1, true, items(5)}),
         BrokerMessage(msg::StreamItems{PipelineId(9), JobIndex(0), JobIndex(1), 2, true, items(40'000)}),
         BrokerMessage(msg::StreamEnd{PipelineId(9), JobIndex(0), JobIndex(1), 2, false}),
         BrokerMessage(msg::StreamTaken{PipelineId(9), JobIndex(1), JobIndex(0), 1, 5, 7}),
         BrokerMessage(msg::StopStream{PipelineId(9), true, JobIndex(0), "why", false})});
}

std::shared_ptr<Plan> sample_plan() {
    const auto plan = test::plan_of("a[4] => b : twin; b => c : group 0 0 1 1; c -> d");
    auto each = std::make_shared<ForEach>();
    each->dimensions = {{Axis{"i", Range{0, 1, 2}}},
                        {Axis{"b", Linspace{0, 1, 2}}, Axis{"c", std::vector<Value>{Value("u"), Value(2.5)}}}};
    plan->templates[0].for_each = each;
    plan->data = {{"x", Value(1)}};
    return plan;
}

void journals() {
    std::vector<JournalEntry> entries;
    entries.emplace_back(IncarnationEntry{1, 1, {"penstock", "run"}, "1.0", "node", 7, 5});
    entries.emplace_back(PlanEntry{0, "p", "/d", "penstock: 1", 77, {{"x", Value(1)}}, {{"a", 1}}});
    entries.emplace_back(SubmissionsEntry{{{1, 0, "x=1", {{"x", Value(Bytes(2))}}}}});
    entries.emplace_back(FenceEntry{2, {{{1, 2, 1}, 9}}});
    entries.emplace_back(LostFileEntry{"f.h5", "damaged"});
    std::string all, texts = "+";
    for (const JournalEntry& entry : entries) {
        const std::string line = encode_journal_line(entry);
        all += line;
        texts += line.substr(line.find('{'));
    }
    keep("journal", "all", all);
    keep("journal", "torn", all.substr(0, all.size() - 30));
    keep("journal", "texts", texts);
}

void command_outputs() {
    const List values{Value("one"), Value(2), Value(List{Value(1.5), Value()}), Value(Map{{"a", Value(true)}})};
    std::string lines, json, length;
    for (const Value& v : values) {
        append_frame(Frames::lines, v, lines);
        append_frame(Frames::json, v, json);
        append_frame(Frames::length, v, length);
    }
    keep("command_output", "lines", '\x09' + lines);
    keep("command_output", "json", '\x01' + json);
    keep("command_output", "length", '\x05' + length);
    keep("command_output", "length-ends", '\x02' + length + std::string(4, '\xff'));
    keep("command_output", "pointer", "\x07/3/a\n" + to_json(Value(values)));
    const std::vector<std::byte> zeros(48);
    const Array array(ElementType::float64, {2, 3}, nullptr, zeros);
    keep("command_output", "array", '\x06' + npy_header(array) + std::string(48, '\0'));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    folder = argv[1];
    frames_to_router();
    frames_to_pipeliner(*sample_plan());
    frames_to_broker(sample_plan());
    journals();
    command_outputs();
    keep("segment", "one-change", std::string("\x05\x03\xff", 3));
    keep("segment", "changes", std::string("\x00\x00\x01\x11\x03\xff\x09\x08\x70\x1b\x02\x05", 12));
    keep("segment", "no-file", "=HDF");
}
