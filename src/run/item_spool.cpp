#include "run/item_spool.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace penstock {

namespace {
constexpr std::size_t kFew = 4;  // parts of a portion
}

// A file without a name.
class SpoolFile {
public:
    SpoolFile(std::filesystem::path folder, std::uint64_t left_free)
        : folder_(std::move(folder)), left_free_(left_free) {
        std::error_code error;
        std::filesystem::create_directories(folder_, error);
        if (error) fail(error.message());
        fd_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd_ < 0) {  // not every file system can
            std::string name = (folder_ / "items-XXXXXX").string();
            fd_ = ::mkostemp(name.data(), O_CLOEXEC);
            if (fd_ >= 0) ::unlink(name.c_str());
        }
        if (fd_ < 0) fail(std::strerror(errno));
    }
    ~SpoolFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    SpoolFile(const SpoolFile&) = delete;
    SpoolFile& operator=(const SpoolFile&) = delete;

    std::uint64_t append(std::span<const std::byte> bytes) {
        const std::uint64_t begin = end_;
        leave_some_free(bytes.size());
        while (!bytes.empty()) {
            const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(end_));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) {
                end_ = begin;
                fail(n < 0 ? std::strerror(errno) : "nothing was written");
            }
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            end_ += static_cast<std::uint64_t>(n);
        }
        return begin;
    }

    void read(std::uint64_t offset, std::span<std::byte> bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail(std::strerror(errno), "read from");
            if (n == 0) fail("the file is shorter than it was", "read from");
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            offset += static_cast<std::uint64_t>(n);
        }
    }

    // What has been read needs no room any more; a file system that cannot do it keeps it until the end.
    void give_back(std::uint64_t offset, std::uint64_t length) const {
        ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(length));
    }

private:
    // Looked at now and then: others write to the disk too.
    void leave_some_free(std::uint64_t more) {
        unlooked_ += more;
        if (unlooked_ < kLookEvery && end_ != 0) return;
        struct statvfs disk {};
        if (::fstatvfs(fd_, &disk) != 0) return;
        const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
        const std::uint64_t wanted = left_free_ == ItemSpool::kLeftFree
                                         ? std::min(left_free_, std::uint64_t{disk.f_blocks} * disk.f_frsize / 10)
                                         : left_free_;
        if (free < wanted || free - wanted < unlooked_)
            fail("its disk has " + std::to_string(free >> 20) + " MiB left, and " + std::to_string(wanted >> 20) +
                 " MiB are kept free for the results");
        unlooked_ = 0;
    }
    [[noreturn]] void fail(const std::string& why, const std::string& what = "written to") const {
        throw std::runtime_error("items that wait for their turn cannot be " + what + " " + folder_.string() + ": " +
                                 why + "; free some space there, or put the results on a larger disk with -o");
    }
    static constexpr std::uint64_t kLookEvery = 64 << 20;  // bytes
    const std::filesystem::path folder_;
    const std::uint64_t left_free_;
    int fd_ = -1;
    std::uint64_t end_ = 0;
    std::uint64_t unlooked_ = 0;
};

StreamItemsPtr ItemSpool::Portion::load() const {
    if (items_ != nullptr) return items_;
    auto items = std::make_shared<StreamItems>();
    items->sizes.resize(count_);
    const std::uint64_t sizes = count_ * sizeof(std::uint32_t);
    file_->read(offset_, std::as_writable_bytes(std::span(items->sizes)));
    BytesWriter bytes;
    const std::size_t length = length_ - sizes;
    file_->read(offset_ + sizes, {bytes.extend(length), length});
    items->bytes = bytes.take();
    if (!items->whole()) throw std::runtime_error("the file for items of a stream is damaged");
    file_->give_back(offset_, length_);
    return items;
}

StreamItems ItemSpool::Portion::take() && {
    StreamItemsPtr items = load();
    items_.reset();
    if (items.use_count() != 1) return *items;
    return std::move(const_cast<StreamItems&>(*items));  // nobody else sees it
}

void ItemSpool::push(StreamItemsPtr items) {
    if (items->empty()) return;
    if (items->count() < kPortionItems / kFew && items->bytes.size() < kPortionBytes / kFew) return gather(*items);
    close_tail();
    add(std::move(items));
}

void ItemSpool::add(StreamItemsPtr items) {
    Portion portion;
    portion.count_ = items->count();
    const std::uint64_t bytes = items->bytes.size();
    const bool spilled = spills();
    if (spilled) {
        if (file_ == nullptr) file_ = std::make_shared<SpoolFile>(folder_, left_free_);
        portion.offset_ = file_->append(std::as_bytes(std::span(items->sizes)));
        file_->append(items->bytes.span());
        portion.length_ = items->sizes.size() * sizeof(std::uint32_t) + bytes;
        portion.file_ = file_;
        ++in_files_;
    } else {
        in_memory_ += bytes;
        portion.items_ = std::move(items);
    }
    items_ += portion.count_;
    bytes_ += bytes;
    portions_.push_back(std::move(portion));
}

// Few items are gathered until they are worth a portion, or somebody wants them.
void ItemSpool::gather(const StreamItems& item) {
    tail_.append(item);
    items_ += item.count();
    bytes_ += item.bytes.size();
    in_memory_ += item.bytes.size();
    if (tail_.count() >= kPortionItems || tail_.bytes.size() >= kPortionBytes) close_tail();
}

void ItemSpool::close_tail() {
    if (tail_.empty()) return;
    const auto closed = std::make_shared<const StreamItems>(tail_.take());
    items_ -= closed->count();
    bytes_ -= closed->bytes.size();
    in_memory_ -= closed->bytes.size();
    add(closed);
}

ItemSpool::Portion ItemSpool::pop() {
    if (portions_.empty()) close_tail();
    Portion portion = std::move(portions_.front());
    portions_.pop_front();
    items_ -= portion.count_;
    if (portion.items_ != nullptr) {
        bytes_ -= portion.items_->bytes.size();
        in_memory_ -= portion.items_->bytes.size();
    } else {
        bytes_ -= portion.length_ - portion.count_ * sizeof(std::uint32_t);
        if (--in_files_ == 0) file_.reset();  // the reader of the portion still has it
    }
    return portion;
}

void ItemSpool::clear() {
    portions_.clear();
    tail_ = {};
    file_.reset();
    in_files_ = items_ = bytes_ = in_memory_ = 0;
}

}  // namespace penstock
