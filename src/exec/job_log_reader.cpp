#include "exec/job_log.hpp"

#include "exec/job_log_entry.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

struct Wanted {
    std::string_view pipeline;
    std::string_view pipeline_instance;
    std::string_view job;
    // By job_log_hash(): which instance.
    std::unordered_map<std::uint64_t, std::uint32_t> instances;
};

// The text of each instance and attempt, in the order in which files and pieces were read.
using Texts = std::map<std::pair<std::uint32_t, std::uint32_t>, std::string>;

std::string worker_instance(std::uint32_t worker) { return "worker=" + std::to_string(worker); }

// The header line at the stream's position; nothing when the file ends before it does or it is damaged.
std::optional<Document> read_header(std::istream& log) {
    std::string line;
    for (int c = log.get(); c != std::istream::traits_type::eof(); c = log.get()) {
        if (c == '\n') break;
        if (line.size() == kMaxHeaderBytes) return std::nullopt;
        line += static_cast<char>(c);
    }
    if (!log) return std::nullopt;
    try {
        const Value header = from_json(line);
        for (const char* name : {"attempt", "bytes"}) at(header.map(), name).int64();
        for (const char* name : {"pipeline", "pipeline-instance", "job", "instance"}) at(header.map(), name).string();
        return header.map();
    } catch (const ValueError&) {
        return std::nullopt;
    }
}

// Which of the wanted instances it is.
std::optional<std::uint32_t> instance_of(const Document& header, const Wanted& wanted) {
    if (at(header, "pipeline").string() != wanted.pipeline || at(header, "job").string() != wanted.job ||
        at(header, "pipeline-instance").string() != wanted.pipeline_instance)
        return std::nullopt;
    const auto found = wanted.instances.find(
        job_log_hash(wanted.pipeline, wanted.pipeline_instance, wanted.job, at(header, "instance").string()));
    return found == wanted.instances.end() ? std::nullopt : std::optional(found->second);
}

// The piece at `offset`: adds its text when it is the wanted job's. Returns where the next piece starts, or nothing at
// the end of what is whole.
std::optional<std::uint64_t> read_piece(std::istream& log, std::uint64_t offset, std::uint64_t file_size,
                                        const Wanted& wanted, Texts& texts) {
    log.clear();
    log.seekg(static_cast<std::streamoff>(offset));
    const auto header = read_header(log);
    if (!header) return std::nullopt;
    const auto text_at = static_cast<std::uint64_t>(log.tellg());
    const auto bytes = static_cast<std::uint64_t>(at(*header, "bytes").int64());
    if (bytes >= file_size - std::min(file_size, text_at)) return std::nullopt;
    if (const auto instance = instance_of(*header, wanted)) {
        std::string text(bytes, '\0');
        log.read(text.data(), static_cast<std::streamsize>(bytes));
        if (!log) return std::nullopt;
        texts[{*instance, static_cast<std::uint32_t>(at(*header, "attempt").int64())}] += text;
    }
    return text_at + bytes + 1;
}

// Reads the pieces the index knows; returns where the rest of the log begins.
std::uint64_t read_indexed(const std::filesystem::path& index_path, std::istream& log, std::uint64_t file_size,
                           const Wanted& wanted, Texts& texts) {
    std::uint64_t end = 0;
    std::ifstream index(index_path, std::ios::binary);
    std::vector<IndexEntry> entries(4096);
    while (index) {
        index.read(reinterpret_cast<char*>(entries.data()),
                   static_cast<std::streamsize>(entries.size() * sizeof(IndexEntry)));
        const std::size_t count = static_cast<std::size_t>(index.gcount()) / sizeof(IndexEntry);
        for (std::size_t i = 0; i < count; ++i) {
            const IndexEntry& entry = entries[i];
            if (wanted.instances.contains(entry.job)) read_piece(log, entry.offset, file_size, wanted, texts);
            end = entry.offset + entry.header_bytes + entry.bytes + 1;
        }
    }
    return end;
}

void read_log(const std::filesystem::path& path, const Wanted& wanted, Texts& texts) {
    std::error_code error;
    const std::uint64_t file_size = std::filesystem::file_size(path, error);
    std::ifstream log(path, std::ios::binary);
    if (error || !log) return;
    std::filesystem::path index = path;
    index.replace_extension(kIndexSuffix);
    std::optional<std::uint64_t> next = read_indexed(index, log, file_size, wanted, texts);
    while (next && *next < file_size) next = read_piece(log, *next, file_size, wanted, texts);
}

Texts read_logs(const std::filesystem::path& directory, const Wanted& wanted) {
    std::vector<std::filesystem::path> logs;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(directory, error))
        if (file.path().extension() == kLogSuffix) logs.push_back(file.path());
    std::sort(logs.begin(), logs.end());
    Texts texts;
    for (const auto& log : logs) read_log(log, wanted, texts);
    return texts;
}

}  // namespace

std::vector<JobLogText> read_job_log(const std::filesystem::path& directory, std::string_view pipeline,
                                     std::string_view pipeline_instance, std::string_view job,
                                     std::string_view instance) {
    Wanted wanted{pipeline, pipeline_instance, job, {}};
    wanted.instances[job_log_hash(pipeline, pipeline_instance, job, instance)] = 0;
    std::vector<JobLogText> result;
    for (auto& [which, text] : read_logs(directory, wanted)) result.push_back({which.second, std::move(text)});
    return result;
}

std::vector<WorkerLogText> read_stage_log(const std::filesystem::path& directory, std::string_view pipeline,
                                          std::string_view pipeline_instance, std::string_view stage) {
    Wanted wanted{pipeline, pipeline_instance, stage, {}};
    for (std::uint32_t worker = 0; worker < kMaxStageWorkers; ++worker)
        wanted.instances[job_log_hash(pipeline, pipeline_instance, stage, worker_instance(worker))] = worker;
    std::vector<WorkerLogText> result;
    for (auto& [which, text] : read_logs(directory, wanted)) {
        const std::string instance = worker_instance(which.first);
        if (result.empty() || result.back().instance != instance) result.push_back({instance, {}});
        result.back().attempts.push_back({which.second, std::move(text)});
    }
    return result;
}

}  // namespace penstock
