#include "exec/live_groups.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace penstock {
namespace {

constexpr std::size_t kBytes = LiveGroups::kPlaces * sizeof(pid_t);
static_assert(std::atomic_ref<pid_t>::is_always_lock_free, "shared between processes");

// Not handed on to children: user code in them must not choose what the zygote kills.
pid_t* map(int memfd) {
    void* const mapped = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (mapped == MAP_FAILED) return nullptr;
    ::madvise(mapped, kBytes, MADV_DONTFORK);
    return static_cast<pid_t*>(mapped);
}

}  // namespace

LiveGroups::LiveGroups() : memfd_(::memfd_create("penstock-groups", MFD_CLOEXEC)) {
    if (memfd_ && ::ftruncate(memfd_.get(), kBytes) == 0) numbers_ = map(memfd_.get());
    if (!numbers_) memfd_.close();
}

LiveGroups::~LiveGroups() {
    if (numbers_) ::munmap(numbers_, kBytes);
}

LiveGroups::Place LiveGroups::take() {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
        pid_t* const number = free_.back();
        free_.pop_back();
        return {this, number};
    }
    if (!numbers_ || untouched_ == kPlaces) return {};
    return {this, numbers_ + untouched_++};
}

LiveGroups::Place::Place(Place&& other) noexcept
    : groups_(std::exchange(other.groups_, nullptr)), number_(std::exchange(other.number_, nullptr)) {}

LiveGroups::Place& LiveGroups::Place::operator=(Place&& other) noexcept {
    std::swap(groups_, other.groups_);
    std::swap(number_, other.number_);
    return *this;
}

void LiveGroups::Place::set(pid_t leader) {
    if (number_) std::atomic_ref(*number_).store(leader);
}

void LiveGroups::Place::clear() {
    if (!number_) return;
    set(0);
    const std::scoped_lock lock(groups_->mutex_);
    groups_->free_.push_back(std::exchange(number_, nullptr));
}

WatchedGroups::~WatchedGroups() {
    if (numbers_) ::munmap(numbers_, kBytes);
}

void WatchedGroups::open(const FileDescriptor& memfd) {
    if (!numbers_) numbers_ = map(memfd.get());
}

void WatchedGroups::kill_all() const {
    for (std::size_t place = 0; numbers_ && place < LiveGroups::kPlaces; ++place) {
        const pid_t leader = std::atomic_ref(numbers_[place]).load();
        if (leader > 1) ::kill(-leader, SIGKILL);
    }
}

}  // namespace penstock
