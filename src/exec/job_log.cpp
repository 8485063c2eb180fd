#include "exec/job_log.hpp"

#include "exec/job_log_entry.hpp"
#include "value/hash.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace penstock {

namespace {

constexpr std::size_t kIndexStep = 512 * sizeof(IndexEntry);  // the index is written in steps of this size
constexpr std::size_t kFlushBytes = 32 * 1024;
constexpr std::int64_t kFlushNanoseconds = 1'000'000'000;

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "host";
    std::string host(name.data());
    for (char& c : host)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
    return host;
}

FileDescriptor create(const std::string& path) {
    return FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666));
}

// All of it, whatever a single write takes. False with errno.
bool write_all(int file, std::array<iovec, 3> parts) {
    std::size_t part = 0;
    while (part < parts.size()) {
        const ssize_t n = ::writev(file, &parts[part], static_cast<int>(parts.size() - part));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        auto left = static_cast<std::size_t>(n);
        while (part < parts.size() && left >= parts[part].iov_len) left -= parts[part++].iov_len;
        if (part == parts.size()) break;
        parts[part].iov_base = static_cast<char*>(parts[part].iov_base) + left;
        parts[part].iov_len -= left;
    }
    return true;
}

iovec part_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

std::string header_line(const JobLogKey& key, std::size_t bytes) {
    const Document header{{"pipeline", key.pipeline}, {"pipeline-instance", key.pipeline_instance},
                          {"job", key.job},           {"instance", key.instance},
                          {"attempt", key.attempt},   {"bytes", bytes}};
    return to_json(header) + "\n";
}

}  // namespace

std::uint64_t job_log_hash(std::string_view pipeline, std::string_view pipeline_instance, std::string_view job,
                           std::string_view instance) {
    return Hasher().add(pipeline).add(pipeline_instance).add(job).add(instance).value();
}

// ---------------------------------------------------------------------------------------------- JobLog

JobLog::JobLog(std::filesystem::path directory) : directory_(std::move(directory)) {}

JobLog::~JobLog() { write_index(); }

bool JobLog::open() {
    if (log_) return true;
    if (directory_.empty() || !problem_.empty()) return false;
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    for (int n = 0;; ++n) {
        const std::string stem = (directory_ / fmt::format("{}.{}.{}", host_name(), ::getpid(), n)).string();
        log_ = create(stem + std::string(kLogSuffix));
        if (!log_ && errno == EEXIST) continue;
        if (!log_) return fail("cannot be made"), false;
        index_ = create(stem + std::string(kIndexSuffix));
        return true;
    }
}

void JobLog::fail(const std::string& what) {
    const int error = errno;
    if (problem_.empty())
        problem_ = fmt::format("the log of jobs in {} {}: {}; what jobs print from now on is lost", directory_.string(),
                               what, std::strerror(error));
    log_.close();
    index_.close();
}

void JobLog::append(const JobLogKey& key, std::string_view text) {
    if (text.empty()) return;
    const std::string header = header_line(key, text.size());
    const std::scoped_lock lock(mutex_);
    if (!open()) return;
    if (!write_all(log_.get(), {part_of(header), part_of(text), part_of("\n")})) return fail("cannot be written");
    const IndexEntry entry{job_log_hash(key.pipeline, key.pipeline_instance, key.job, key.instance), end_, text.size(),
                           static_cast<std::uint32_t>(header.size()), key.attempt};
    end_ += header.size() + text.size() + 1;
    const auto* bytes = reinterpret_cast<const std::byte*>(&entry);
    index_buffer_.insert(index_buffer_.end(), bytes, bytes + sizeof entry);
    if (index_buffer_.size() >= kIndexStep) write_index();
}

void JobLog::write_index() {
    if (index_ && !index_buffer_.empty()) {
        const std::string_view bytes(reinterpret_cast<const char*>(index_buffer_.data()), index_buffer_.size());
        // An index that ends too early costs readers time, nothing else.
        if (!write_all(index_.get(), {part_of(bytes), part_of(""), part_of("")})) index_.close();
    }
    index_buffer_.clear();
}

std::string JobLog::problem() const {
    const std::scoped_lock lock(mutex_);
    return problem_;
}

// ---------------------------------------------------------------------------------------------- AttemptLog

AttemptLog::AttemptLog(JobLog& file, JobLogKey key, std::uint64_t kept_bytes)
    : file_(file), key_(std::move(key)), half_(kept_bytes / 2) {}

void AttemptLog::add(std::string_view text) {
    keep(text);
    const std::uint64_t before = total_;
    total_ += text.size();
    if (before >= kMaxJobLogBytes) return;
    pending_ += text.substr(0, kMaxJobLogBytes - before);
    if (pending_.size() >= kFlushBytes || now() - flushed_at_ >= kFlushNanoseconds) flush();
}

void AttemptLog::keep(std::string_view text) {
    const std::size_t first = std::min<std::size_t>(half_ - first_.size(), text.size());
    first_ += text.substr(0, first);
    text.remove_prefix(first);
    if (text.size() > half_) text.remove_prefix(text.size() - half_);
    last_ += text;
    if (last_.size() > 2 * half_) last_.erase(0, last_.size() - half_);
}

void AttemptLog::flush() {
    file_.append(key_, pending_);
    pending_.clear();
    flushed_at_ = now();
}

std::string AttemptLog::finish() {
    if (total_ > kMaxJobLogBytes)
        pending_ += fmt::format("\n[the log is full: {} more bytes are left out]\n", total_ - kMaxJobLogBytes);
    flush();
    if (last_.size() > half_) last_.erase(0, last_.size() - half_);
    const std::uint64_t kept = first_.size() + last_.size();
    if (kept == total_) return to_utf8(first_ + last_);
    std::string problem = file_.problem();
    if (!problem.empty()) problem.insert(0, "; ");
    return to_utf8(fmt::format("{}\n[{} bytes are left out{}]\n{}", first_, total_ - kept, problem, last_));
}

}  // namespace penstock
