#include "store/json_store.hpp"

#include "store/json_parts.hpp"
#include "store/json_streams.hpp"
#include "value/hash.hpp"
#include "value/value_json.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>

namespace penstock {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFormat = "json-store 1";
constexpr std::string_view kFirstLineStart = "{\"penstock\": \"json-store ";
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kMaxNameBytes = 200;  // file systems allow 255, a temporary name needs a few more

void make_folder(const fs::path& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) throw file_error("make", path, errno);
}

// Letters, digits and a few signs stay; every other byte is %XX, so different names stay different.
std::string safe_name(std::string_view name) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=,+@";
    std::string safe;
    for (const char c : name) {
        const bool plain = kPlain.find(c) != std::string_view::npos || (c == '.' && !safe.empty());
        safe += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return safe;
}

bool is_our_file(const fs::path& path) {
    std::error_code missing;
    if (!fs::is_regular_file(path, missing)) return false;
    return File(path, O_RDONLY, "read").read_at(0, kFirstLineStart.size()) == kFirstLineStart;
}

StoreError not_ours(const fs::path& path) {
    return StoreError(
        fmt::format("{} exists and was not written by Penstock, so it is not replaced. Move it away or "
                    "choose another folder for --store json:DIR.",
                    path.string()));
}

using JobKey = std::pair<std::string, std::string>;       // job, instance
using PipelineKey = std::pair<std::string, std::string>;  // pipeline, its instance

struct Location {
    std::uint32_t part = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string worker;
};
// Where the values of every job stand in the parts.
using Index = std::map<PipelineKey, std::map<JobKey, Location>>;

void remember(Index& index, const PartEntry& entry, std::uint32_t part) {
    index[{entry.scope.pipeline, entry.scope.pipeline_instance}][{entry.scope.job, entry.scope.instance}] = {
        part, entry.values_offset, entry.values_length, entry.worker};
}

std::string job_line(const JobKey& job, std::string_view worker, std::string_view values) {
    return fmt::format("{{\"job\": {}, \"instance\": {}, \"worker\": {}, \"values\": {}}}", to_json(Value(job.first)),
                       to_json(Value(job.second)), to_json(Value(worker)), values);
}

// A pipeline's file as it stands: nothing in it when there is no file yet.
struct Stored {
    List jobs;
    List streams;
};
Stored stored_in(const fs::path& path) {
    std::error_code missing;
    if (!fs::exists(path, missing)) return {};
    if (!is_our_file(path)) throw not_ours(path);
    try {
        const Value file = from_json(read_file(path));
        const auto streams = file.map().find("streams");
        return {at(file.map(), "jobs").list(), streams == file.map().end() ? List() : streams->second.list()};
    } catch (const ValueError& error) {
        throw StoreError(
            fmt::format("cannot read {}: {}. It was changed by hand, perhaps; remove it to have its "
                        "pipeline stored anew.",
                        path.string(), error.what()));
    }
}

class JsonStore : public Store {
public:
    JsonStore(fs::path directory, std::uint32_t rank) : directory_(std::move(directory)), rank_(rank) {}

    Document retrieve(const Scope& scope, const std::vector<std::string>& keys) override {
        write_buffer();
        read_new_entries();
        Document all;
        if (const Location* found = find(scope))
            all = from_json(parts_[found->part].file.read_at(found->offset, found->length)).map();
        else
            all = from_pipeline_file(scope);
        Document wanted;
        for (const auto& key : keys)
            if (const auto value = all.find(key); value != all.end()) wanted.insert(*value);
        return wanted;
    }

    void save(const Scope& scope, std::string_view worker, const Document& document) override {
        buffer_ += encode_part_entry(scope, worker, document);
        if (buffer_.size() >= kBufferBytes) write_buffer();
    }

    void flush() override {
        write_buffer();
        if (!own_part_) return;
        own_part_->sync();
        if (std::exchange(name_is_durable_, true)) return;
        sync_directory(part_folder(directory_));
        sync_directory(directory_);
    }

    void finish() override {
        flush();
        parts_.clear();
        index_.clear();
        read_new_entries(true);
        for (const auto& [pipeline, jobs] : index_) write_pipeline(pipeline, jobs);
        remove_parts();
    }

private:
    struct Part {
        File file;
        std::uint64_t scanned = 0;
    };

    File& own_part() {
        if (own_part_) return *own_part_;
        make_folder(directory_);
        make_folder(part_folder(directory_));
        const auto path = part_file(directory_, rank_);
        File file(path, O_RDWR | O_CREAT | O_APPEND, "write");
        // Behind what an earlier process of this rank left: its torn end would spoil the next entry.
        const auto sound = scan_part(file, 0, true, [](const PartEntry&, std::string_view) {});
        if (sound < file.size()) file.truncate(sound);
        return own_part_.emplace(std::move(file));
    }

    void write_buffer() {
        if (buffer_.empty()) return;
        File& part = own_part();
        const auto before = part.size();
        try {
            part.append(buffer_);
        } catch (const StoreError&) {
            part.truncate(before);
            throw;
        }
        buffer_.clear();
    }

    // What all ranks have written since the last look.
    void read_new_entries(bool check_values = false) {
        for (const auto& path : part_files(directory_)) {
            const auto known =
                std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.file.path() == path; });
            const auto number = static_cast<std::uint32_t>(known - parts_.begin());
            if (known == parts_.end()) parts_.push_back({File(path, O_RDONLY, "read"), 0});
            Part& part = parts_[number];
            part.scanned =
                scan_part(part.file, part.scanned, check_values,
                          [&](const PartEntry& entry, std::string_view) { remember(index_, entry, number); });
        }
    }

    const Location* find(const Scope& scope) const {
        const auto pipeline = index_.find({scope.pipeline, scope.pipeline_instance});
        if (pipeline == index_.end()) return nullptr;
        const auto job = pipeline->second.find({scope.job, scope.instance});
        return job == pipeline->second.end() ? nullptr : &job->second;
    }

    // Of a run that was finished before. The last file read is kept: jobs of one pipeline ask one after another.
    Document from_pipeline_file(const Scope& scope) {
        const auto path = json_store_file(directory_, scope.pipeline, scope.pipeline_instance);
        if (path != cached_path_) {
            cached_jobs_ = stored_in(path).jobs;
            cached_path_ = path;
        }
        for (const auto& job : cached_jobs_)
            if (at(job.map(), "job").string() == scope.job && at(job.map(), "instance").string() == scope.instance)
                return at(job.map(), "values").map();
        return {};
    }

    void write_pipeline(const PipelineKey& pipeline, const std::map<JobKey, Location>& jobs) {
        const auto path = json_store_file(directory_, pipeline.first, pipeline.second);
        std::map<JobKey, std::string> older;  // of a finish() that a crash cut short, or of a run that is continued
        const Stored stored = stored_in(path);
        for (const auto& line : stored.jobs) {
            const auto& job = line.map();
            JobKey key{at(job, "job").string(), at(job, "instance").string()};
            if (!jobs.contains(key))
                older[key] = job_line(key, at(job, "worker").string(), to_json(at(job, "values").map()));
        }
        JsonStreams streams;
        streams.add_older(stored.streams);
        write_file_atomically(path, [&](File& file) {
            std::string text = fmt::format("{{\"penstock\": \"{}\", \"pipeline\": {}, \"instance\": {}, \"jobs\": [",
                                           kFormat, to_json(Value(pipeline.first)), to_json(Value(pipeline.second)));
            const auto put_text = [&](const std::string& more) {
                text += more;
                if (text.size() >= kBufferBytes) file.append(std::exchange(text, {}));
            };
            const char* separator = "\n";
            const auto put = [&](const std::string& line) { put_text(std::exchange(separator, ",\n") + line); };
            // Sorted by job and instance, so that the file does not depend on who ran what.
            auto next_older = older.begin();
            for (const auto& [key, where] : jobs) {
                const auto read = [this, place = &where] {
                    return parts_[place->part].file.read_at(place->offset, place->length);
                };
                if (const auto chunk = parse_stream_chunk_name(key.second)) {
                    streams.add(key.first, *chunk, read);
                    continue;
                }
                for (; next_older != older.end() && next_older->first < key; ++next_older) put(next_older->second);
                put(job_line(key, where.worker, read()));
            }
            for (; next_older != older.end(); ++next_older) put(next_older->second);
            put_text("\n]");
            if (!streams.empty()) {
                put_text(", \"streams\": ");
                streams.write(put_text);
            }
            file.append(text + "}\n");
        });
    }

    void remove_parts() {
        own_part_.reset();
        for (const auto& part : parts_) remove_file(part.file.path());
        parts_.clear();
        index_.clear();
        cached_path_.clear();
        std::error_code not_empty;
        fs::remove(part_folder(directory_), not_empty);
        name_is_durable_ = false;
    }

    fs::path directory_;
    std::uint32_t rank_;
    std::string buffer_;
    std::optional<File> own_part_;
    bool name_is_durable_ = false;
    std::vector<Part> parts_;
    Index index_;
    fs::path cached_path_;
    List cached_jobs_;
};

}  // namespace

fs::path json_store_file(const fs::path& directory, const std::string& pipeline, const std::string& instance) {
    std::string name = safe_name(pipeline);
    if (!instance.empty()) name += "[" + safe_name(instance) + "]";
    if (name.size() > kMaxNameBytes) {
        const auto hash = Hasher().add(pipeline).add(instance).value();
        name = fmt::format("{}~{:016x}", name.substr(0, kMaxNameBytes - 17), hash);
    }
    return directory / (name + ".json");
}

namespace {

std::vector<fs::path> our_files(const std::string& directory) {
    std::vector<fs::path> ours = part_files(directory);
    for (const auto& entry : fs::directory_iterator(directory))
        if (entry.path().extension() == ".json" && is_our_file(entry.path())) ours.push_back(entry.path());
    return ours;
}

}  // namespace

void prepare_json_store(const std::string& directory, bool force) {
    make_folder(directory);
    const std::vector<fs::path> ours = our_files(directory);
    if (ours.empty()) return;
    if (!force)
        throw StoreError(
            fmt::format("{} holds results already ({} files, for example {}), and results are not "
                        "overwritten. Choose another folder, or replace them with --force.",
                        directory, ours.size(), ours.front().filename().string()));
    for (const auto& path : ours) remove_file(path);
}

bool resume_json_store(const std::string& directory) {
    make_folder(directory);
    if (our_files(directory).empty()) return false;
    // A part may end in the middle of a line, and nothing must be appended to that.
    make_json_store(directory, 0)->finish();
    return true;
}

std::unique_ptr<Store> make_json_store(const std::string& directory, std::uint32_t rank) {
    return std::make_unique<JsonStore>(directory, rank);
}

}  // namespace penstock
