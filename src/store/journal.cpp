#include "store/journal.hpp"

#include "value/hash.hpp"
#include "value/value_json.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace penstock {

namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kShown = 40;  // of what is wrong
constexpr std::size_t kLengthDigits = 8;
constexpr std::size_t kChecksumDigits = 16;
constexpr std::size_t kHeadSize = kLengthDigits + 1 + kChecksumDigits + 1;  // "LENGTH CHECKSUM "
constexpr std::size_t kMaxEntryBytes = 0xffffffff;

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

std::uint64_t checksum(std::string_view text) { return Hasher().add(text).value(); }

std::uint64_t from_hex(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc() || end != text.data() + text.size()) throw StoreError(fmt::format("no hash: {}", text));
    return number;
}

// A string from outside may hold anything; what is no UTF-8 is replaced rather than refused.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json document_json(const Document& document) { return Json::parse(to_json(document)); }
Document document_of(const Json& json) { return from_json(json.dump()).map(); }

Json to_object(const IncarnationEntry& entry) {
    return {{"entry", "incarnation"},
            {"format", kFormat},
            {"incarnation", entry.incarnation},
            {"first", entry.first},
            {"command_line", entry.command_line},
            {"version", entry.version},
            {"host", entry.host},
            {"pid", entry.pid},
            {"time_ns", entry.time_ns}};
}

Json to_object(const PlanEntry& entry) {
    Json files = Json::array();
    for (const auto& file : entry.files) files.push_back({{"path", file.path}, {"hash", hex(file.hash)}});
    return {{"entry", "plan"},
            {"plan", entry.plan},
            {"name", entry.name},
            {"directory", entry.directory},
            {"definition", entry.definition},
            {"definition_hash", hex(entry.definition_hash)},
            {"data", document_json(entry.data)},
            {"files", std::move(files)}};
}

Json to_object(const SubmissionsEntry& entry) {
    Json pipelines = Json::array();
    for (const auto& pipeline : entry.pipelines)
        pipelines.push_back({{"pipeline", pipeline.pipeline},
                             {"plan", pipeline.plan},
                             {"instance", pipeline.instance},
                             {"data", document_json(pipeline.data)}});
    return {{"entry", "submissions"}, {"pipelines", std::move(pipelines)}};
}

Json to_object(const FenceEntry& entry) {
    Json writers = Json::array();
    for (const Fence& fence : entry.fences)
        writers.push_back({fence.writer.incarnation, fence.writer.rank, fence.writer.epoch, fence.last});
    return {{"entry", "fence"}, {"incarnation", entry.incarnation}, {"writers", std::move(writers)}};
}

Json to_object(const LostFileEntry& entry) {
    return {{"entry", "lost-file"}, {"file", entry.file}, {"reason", entry.reason}};
}

// A number that the type can hold: others would become some number without a word.
template <class Number>
void read(const Json& json, Number& number) {
    const bool fits = json.is_number_unsigned()  ? std::in_range<Number>(json.get<std::uint64_t>())
                      : json.is_number_integer() ? std::in_range<Number>(json.get<std::int64_t>())
                                                 : false;
    if (!fits) throw StoreError(fmt::format("{} is no number that can stand there", json.dump().substr(0, kShown)));
    number = json.get<Number>();
}

FenceEntry fence_of(const Json& json) {
    FenceEntry entry;
    read(json.at("incarnation"), entry.incarnation);
    for (const auto& writer : json.at("writers")) {
        Fence& fence = entry.fences.emplace_back();
        read(writer.at(0), fence.writer.incarnation);
        read(writer.at(1), fence.writer.rank);
        read(writer.at(2), fence.writer.epoch);
        read(writer.at(3), fence.last);
    }
    return entry;
}

IncarnationEntry incarnation_of(const Json& json) {
    IncarnationEntry entry;
    std::uint32_t format = 0;
    read(json.at("format"), format);
    if (format != kFormat)
        throw StoreError(fmt::format("it is of format {}, this version reads format {}", format, kFormat));
    read(json.at("incarnation"), entry.incarnation);
    read(json.at("first"), entry.first);
    json.at("command_line").get_to(entry.command_line);
    json.at("version").get_to(entry.version);
    json.at("host").get_to(entry.host);
    read(json.at("pid"), entry.pid);
    read(json.at("time_ns"), entry.time_ns);
    return entry;
}

PlanEntry plan_of(const Json& json) {
    PlanEntry entry;
    read(json.at("plan"), entry.plan);
    json.at("name").get_to(entry.name);
    json.at("directory").get_to(entry.directory);
    json.at("definition").get_to(entry.definition);
    entry.definition_hash = from_hex(json.at("definition_hash").get<std::string>());
    entry.data = document_of(json.at("data"));
    for (const auto& file : json.at("files"))
        entry.files.push_back({file.at("path"), from_hex(file.at("hash").get<std::string>())});
    return entry;
}

SubmissionsEntry submissions_of(const Json& json) {
    SubmissionsEntry entry;
    for (const auto& pipeline : json.at("pipelines")) {
        SubmissionsEntry::Pipeline& p = entry.pipelines.emplace_back();
        read(pipeline.at("pipeline"), p.pipeline);
        read(pipeline.at("plan"), p.plan);
        pipeline.at("instance").get_to(p.instance);
        p.data = document_of(pipeline.at("data"));
    }
    return entry;
}

JournalEntry parse_entry(std::string_view text) {
    const Json json = Json::parse(text);
    const std::string kind = json.at("entry");
    if (kind == "incarnation") return incarnation_of(json);
    if (kind == "plan") return plan_of(json);
    if (kind == "submissions") return submissions_of(json);
    if (kind == "fence") return fence_of(json);
    if (kind == "lost-file") return LostFileEntry{json.at("file"), json.at("reason")};
    throw StoreError(fmt::format("it has an entry of the unknown kind `{}`", kind));
}

// The JSON text of the line at the front of `text`, which ends with its newline; nothing when the line is not sound.
std::optional<std::string_view> sound_line(std::string_view text) {
    if (text.size() < kHeadSize || text[kLengthDigits] != ' ' || text[kHeadSize - 1] != ' ') return std::nullopt;
    std::uint32_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + kLengthDigits, length, 16);
    if (error != std::errc() || end != text.data() + kLengthDigits) return std::nullopt;
    if (text.size() < kHeadSize + length + 1 || text[kHeadSize + length] != '\n') return std::nullopt;
    const auto content = text.substr(kHeadSize, length);
    if (text.substr(kLengthDigits + 1, kChecksumDigits) != hex(checksum(content))) return std::nullopt;
    return content;
}

// A crash tears only the end; a sound line behind a bad one means that something else wrote into the file.
bool sound_line_follows(std::string_view text) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
        if (sound_line(text.substr(end + 1))) return true;
    return false;
}

StoreError damaged(const std::filesystem::path& path, std::string_view reason) {
    return StoreError(
        fmt::format("cannot read the journal {}: {}. The segments beside it are still readable: "
                    "`penstock collect` brings them into one results file.",
                    path.string(), reason));
}

}  // namespace

PlanEntry journal_entry(PlanId id, const Plan& plan) {
    PlanEntry entry;
    entry.plan = id.value;
    entry.name = plan.name;
    entry.directory = plan.definition_directory;
    entry.definition = plan.definition_text;
    entry.definition_hash = checksum(plan.definition_text);
    entry.data = plan.data;
    for (const auto& file : plan.files) entry.files.push_back({file.path, file.hash});
    return entry;
}

SubmissionsEntry journal_entry(const std::vector<PipelineInfo>& pipelines) {
    SubmissionsEntry entry;
    entry.pipelines.reserve(pipelines.size());
    for (const auto& pipeline : pipelines)
        entry.pipelines.push_back({pipeline.id.value, pipeline.plan.value, pipeline.instance, pipeline.own_data});
    return entry;
}

SegmentRules segment_rules(const std::vector<JournalEntry>& entries) {
    SegmentRules rules;
    for (const JournalEntry& entry : entries) {
        if (const auto* fence = std::get_if<FenceEntry>(&entry)) {
            // Fences only come closer: what did not count before does not count again.
            rules.fences.before = std::max(rules.fences.before, fence->incarnation);
            rules.fences.of.insert(rules.fences.of.end(), fence->fences.begin(), fence->fences.end());
        } else if (const auto* lost = std::get_if<LostFileEntry>(&entry)) {
            rules.lost.push_back(lost->file);
        }
    }
    return rules;
}

std::string encode_journal_line(const JournalEntry& entry) {
    const std::string content = dump(std::visit([](const auto& e) { return to_object(e); }, entry));
    if (content.size() > kMaxEntryBytes)
        throw StoreError(
            fmt::format("a journal entry of {} bytes is too large: the limit is {}. Make the definition or its data "
                        "smaller, for example by reading lists from files.",
                        content.size(), kMaxEntryBytes));
    return fmt::format("{:08x} {} {}\n", content.size(), hex(checksum(content)), content);
}

Journal::Journal(File file) : file_(std::move(file)) {}

Journal Journal::create(const std::filesystem::path& path, const IncarnationEntry& first) {
    write_file_atomically(path, encode_journal_line(first));
    return Journal(File(path, O_WRONLY | O_APPEND, "write"));
}

Journal Journal::resume(const std::filesystem::path& path) {
    const auto contents = read_journal(path);
    File file(path, O_WRONLY | O_APPEND, "write");
    if (contents.torn_bytes > 0) {
        file.truncate(contents.sound_bytes);
        file.sync();
    }
    return Journal(std::move(file));
}

void Journal::append(const JournalEntry& entry) {
    const auto before = file_.size();
    try {
        file_.append(encode_journal_line(entry));
        file_.sync();
    } catch (const StoreError&) {
        file_.truncate(before);  // so that what is appended later, when there is space again, follows a sound line
        throw;
    }
}

JournalContents read_journal(const std::filesystem::path& path) {
    const std::string text = read_file(path);
    JournalContents contents;
    std::string_view rest = text;
    while (const auto content = sound_line(rest)) {
        try {
            contents.entries.push_back(parse_entry(*content));
        } catch (const std::exception& error) {
            throw damaged(path, error.what());
        }
        if (contents.entries.size() == 1 && !std::holds_alternative<IncarnationEntry>(contents.entries[0]))
            throw damaged(path, "it does not begin with an incarnation");
        rest.remove_prefix(kHeadSize + content->size() + 1);
    }
    if (contents.entries.empty()) throw damaged(path, "it does not begin like a journal");
    if (sound_line_follows(rest))
        throw damaged(path,
                      fmt::format("its line {} is damaged though sound ones follow", contents.entries.size() + 1));
    contents.sound_bytes = text.size() - rest.size();
    contents.torn_bytes = rest.size();
    return contents;
}

}  // namespace penstock
