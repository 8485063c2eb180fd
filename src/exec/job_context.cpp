#include "exec/job_context.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace penstock {

std::string JobContext::instance() const {
    return job_.for_each != nullptr ? job_.for_each->label(job_.number) : std::string(job_.label);
}

const std::filesystem::path& JobContext::scratch() {
    if (scratch_) return *scratch_;
    std::filesystem::create_directories(place_.scratch_root);
    // Names of jobs are made of letters, digits, '_', '.' and '-': safe in a path, unlike labels of instances. The end
    // makes it unique among the brokers that share the file system.
    std::string path =
        (place_.scratch_root / fmt::format("{}.{}.{}.XXXXXX", job(), job_.number, job_.attempt)).string();
    if (::mkdtemp(path.data()) == nullptr)
        throw std::filesystem::filesystem_error("cannot make a scratch directory for the job", path,
                                                std::error_code(errno, std::generic_category()));
    return scratch_.emplace(std::move(path));
}

void JobContext::log(std::string_view line) {
    std::string text(line);
    text += '\n';
    place_.print(text);
}

void JobContext::progress(double fraction) {
    // NaN compares false and counts as nothing done.
    const double bounded = fraction > 0 ? std::min(fraction, 1.0) : 0.0;
    place_.progress->store(bounded, std::memory_order_relaxed);
}

void JobContext::remove_scratch() noexcept {
    if (!scratch_) return;
    std::error_code ignored;  // what a job leaves open or protected stays; the run directory shows it
    std::filesystem::remove_all(*scratch_, ignored);
}

}  // namespace penstock
