#include "run/value_cache.hpp"

#include "value/hash.hpp"
#include "value/value_codec.hpp"

#include <fstream>
#include <stdexcept>
#include <vector>

namespace penstock {

namespace {
std::uint64_t hash_of(const std::vector<std::byte>& bytes) {
    return Hasher().add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())).value();
}
}  // namespace

ValueCache::ValueCache(std::filesystem::path spill_folder, std::uint32_t rank, std::uint64_t limit_bytes)
    : folder_(std::move(spill_folder)), rank_(rank), limit_bytes_(limit_bytes) {}

ValueCache::~ValueCache() {
    while (!pipelines_.empty()) forget(pipelines_.begin()->first);
}

std::filesystem::path ValueCache::file_name(std::uint64_t file) const {
    return folder_ / (std::to_string(rank_) + "-" + std::to_string(file));
}

void ValueCache::keep(PipelineId pipeline, JobIndex job, std::shared_ptr<const Document> outputs) {
    Entry entry;
    entry.bytes = memory_size(*outputs);
    entry.document = std::move(outputs);
    entry.age = by_age_.insert(by_age_.end(), {pipeline, job});
    memory_bytes_ += entry.bytes;
    ++count_;
    pipelines_[pipeline].insert_or_assign(job, std::move(entry));
    if (memory_bytes_ > limit_bytes_) spill_beyond_limit();
}

void ValueCache::spill_beyond_limit() {
    while (memory_bytes_ > limit_bytes_ && by_age_.size() > 1) {
        const Place oldest = by_age_.front();
        Entry& entry = pipelines_.at(oldest.pipeline).at(oldest.job);
        if (entry.file == 0) {
            std::vector<std::byte> bytes;
            encode(*entry.document, bytes);
            const std::uint64_t file = next_file_++;
            std::error_code ignored;
            std::filesystem::create_directories(folder_, ignored);
            std::ofstream out(file_name(file), std::ios::binary);
            out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
            out.close();
            // A full disk must not lose a value: it then stays in memory, and so does everything after it.
            if (!out) {
                std::filesystem::remove(file_name(file), ignored);
                return;
            }
            entry.file = file;
            entry.hash = hash_of(bytes);
            ++spilled_;
        }
        by_age_.pop_front();
        memory_bytes_ -= entry.bytes;
        entry.document.reset();
    }
}

std::shared_ptr<const Document> ValueCache::find(PipelineId pipeline, JobIndex job) {
    const auto jobs = pipelines_.find(pipeline);
    if (jobs == pipelines_.end()) return nullptr;
    const auto at = jobs->second.find(job);
    if (at == jobs->second.end()) return nullptr;
    Entry& entry = at->second;
    if (entry.document != nullptr) return entry.document;

    const std::filesystem::path path = file_name(entry.file);
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(path, missing);
    auto bytes = std::make_shared<std::vector<std::byte>>(missing ? 0 : size);
    std::ifstream in(path, std::ios::binary);
    in.read(reinterpret_cast<char*>(bytes->data()), static_cast<std::streamsize>(bytes->size()));
    if (!in || hash_of(*bytes) != entry.hash)
        throw std::runtime_error(
            "the file " + path.string() +
            ", where it was put for want of memory, is not as it was written: somebody changed the "
            "run directory, or its disk fails");
    std::span<const std::byte> rest(*bytes);
    std::shared_ptr<const Document> document = std::make_shared<Document>(decode_document(rest, bytes));
    entry.document = document;
    entry.age = by_age_.insert(by_age_.end(), {pipeline, job});
    memory_bytes_ += entry.bytes;
    if (memory_bytes_ > limit_bytes_) spill_beyond_limit();
    return document;
}

void ValueCache::drop(Entry& entry) {
    if (entry.document != nullptr) {
        memory_bytes_ -= entry.bytes;
        by_age_.erase(entry.age);
    }
    if (entry.file != 0) {
        std::error_code ignored;
        std::filesystem::remove(file_name(entry.file), ignored);
    }
    --count_;
}

void ValueCache::release(const JobRun& run) {
    const auto jobs = pipelines_.find(run.pipeline);
    if (jobs == pipelines_.end()) return;
    for (std::uint32_t i = 0; i < run.count; ++i) {
        const auto at = jobs->second.find(JobIndex(run.first.value + i));
        if (at == jobs->second.end()) continue;
        drop(at->second);
        jobs->second.erase(at);
    }
}

std::vector<JobRun> ValueCache::jobs_of(PipelineId pipeline) const {
    std::vector<JobRun> runs;
    const auto known = pipelines_.find(pipeline);
    if (known == pipelines_.end()) return runs;
    std::vector<std::uint32_t> jobs;
    for (const auto& [job, entry] : known->second) jobs.push_back(job.value);
    std::sort(jobs.begin(), jobs.end());
    for (const std::uint32_t job : jobs) {
        if (!runs.empty() && runs.back().first.value + runs.back().count == job)
            ++runs.back().count;
        else
            runs.push_back({pipeline, JobIndex(job), 1});
    }
    return runs;
}

void ValueCache::forget(PipelineId pipeline) {
    const auto jobs = pipelines_.find(pipeline);
    if (jobs == pipelines_.end()) return;
    for (auto& [job, entry] : jobs->second) drop(entry);
    pipelines_.erase(jobs);
}

}  // namespace penstock
