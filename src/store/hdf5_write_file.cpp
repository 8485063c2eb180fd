#include "store/hdf5_write_file.hpp"

#include "store/block_sums.hpp"
#include "store/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <system_error>

namespace penstock::h5 {

struct WriteFile::Output {
    int descriptor = -1;
    int error = 0;  // errno of the first write that failed; nothing is written after it
    BlockSums sums;

    ~Output() {
        if (descriptor >= 0) ::close(descriptor);
    }
};

namespace {

constexpr std::string_view kTemporarySuffix = ".part";
constexpr auto kAbandonedAfter = std::chrono::hours(1);
constexpr haddr_t kMaxAddress = (haddr_t{1} << 62) - 1;

// What HDF5 sees of an Output. The library allocates nothing of it and hands it back in every call.
struct DriverFile {
    H5FD_t base;  // must be first
    WriteFile::Output* output;
    haddr_t end_of_allocation;
    haddr_t end_of_file;
};

DriverFile* of(H5FD_t* file) { return reinterpret_cast<DriverFile*>(file); }
const DriverFile* of(const H5FD_t* file) { return reinterpret_cast<const DriverFile*>(file); }

H5FD_t* open_driver(const char*, unsigned, hid_t access, haddr_t) {
    const auto* output = static_cast<WriteFile::Output* const*>(H5Pget_driver_info(access));
    if (output == nullptr) return nullptr;
    auto* file = new DriverFile{};
    file->output = *output;
    return &file->base;
}

herr_t close_driver(H5FD_t* file) {
    delete of(file);
    return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
    const auto* first = of(a)->output;
    const auto* second = of(b)->output;
    if (first == second) return 0;
    return std::less<>()(first, second) ? -1 : 1;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

haddr_t end_of_allocation(const H5FD_t* file, H5FD_mem_t) { return of(file)->end_of_allocation; }
herr_t set_end_of_allocation(H5FD_t* file, H5FD_mem_t, haddr_t address) {
    of(file)->end_of_allocation = address;
    return 0;
}
haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) { return of(file)->end_of_file; }

// Only what the library wrote itself and has dropped from its caches is ever read back.
herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
    auto* to = static_cast<char*>(buffer);
    while (size > 0) {
        const ssize_t got = ::pread(of(file)->output->descriptor, to, size, static_cast<off_t>(address));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            std::memset(to, 0, size);
            break;
        }
        to += got;
        size -= static_cast<std::size_t>(got);
        address += static_cast<haddr_t>(got);
    }
    return 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, const void* buffer) {
    WriteFile::Output& output = *of(file)->output;
    if (address + size > of(file)->end_of_file) of(file)->end_of_file = address + size;
    output.sums.written(address, {static_cast<const std::byte*>(buffer), size});
    const auto* from = static_cast<const char*>(buffer);
    while (size > 0 && output.error == 0) {
        const ssize_t put = ::pwrite(output.descriptor, from, size, static_cast<off_t>(address));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            output.error = put == 0 ? ENOSPC : errno;
            break;
        }
        from += put;
        size -= static_cast<std::size_t>(put);
        address += static_cast<haddr_t>(put);
    }
    return 0;
}

herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
    DriverFile& f = *of(file);
    if (f.end_of_allocation == f.end_of_file) return 0;
    if (f.output->error == 0 && ::ftruncate(f.output->descriptor, static_cast<off_t>(f.end_of_allocation)) != 0)
        f.output->error = errno;
    f.end_of_file = f.end_of_allocation;
    return 0;
}

hid_t driver() {
    static const hid_t id = [] {
        static H5FD_class_t cls{};
        cls.name = "penstock";
        cls.maxaddr = kMaxAddress;
        cls.fc_degree = H5F_CLOSE_STRONG;
        cls.fapl_size = sizeof(WriteFile::Output*);
        cls.open = open_driver;
        cls.close = close_driver;
        cls.cmp = compare;
        cls.query = query;
        cls.get_eoa = end_of_allocation;
        cls.set_eoa = set_end_of_allocation;
        cls.get_eof = end_of_file;
        cls.read = read;
        cls.write = write;
        cls.truncate = truncate;
        for (H5FD_mem_t& list : cls.fl_map) list = H5FD_MEM_DEFAULT;  // as H5FD_FLMAP_SINGLE, without a C macro
        return checked(H5FDregister(&cls), "cannot register the driver that writes files");
    }();
    return id;
}

Handle access_of(WriteFile::Output* output, Readers readers) {
    Handle access(checked(H5Pcreate(H5P_FILE_ACCESS), "cannot make a file"), H5Pclose);
    const H5F_libver_t version = readers == Readers::any ? H5F_LIBVER_V18 : H5F_LIBVER_V110;
    if (H5Pset_driver(access.id(), driver(), &output) < 0 || H5Pset_libver_bounds(access.id(), version, version) < 0 ||
        H5Pset_meta_block_size(access.id(), hsize_t{16} << 10) < 0)
        fail("cannot make a file");
    return access;
}

Handle creation_of(Readers readers) {
    Handle creation(checked(H5Pcreate(H5P_FILE_CREATE), "cannot make a file"), H5Pclose);
    // Nodes of chunk indexes: the default takes some KiB a dataset, and most of ours have a few chunks.
    if (readers == Readers::any && H5Pset_istore_k(creation.id(), 8) < 0) fail("cannot make a file");
    return creation;
}

}  // namespace

WriteFile::WriteFile(const std::filesystem::path& path, Readers readers)
    : path_(path), output_(std::make_unique<Output>()) {
    quiet();
    static std::atomic<unsigned> made{0};
    temporary_ = path;
    temporary_ += fmt::format(".{}-{}{}", ::getpid(), made++, kTemporarySuffix);
    output_->descriptor = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output_->descriptor < 0) throw file_error("write", path, errno);
    const Handle access = access_of(output_.get(), readers);
    file_ = Handle(checked(H5Fcreate(temporary_.c_str(), H5F_ACC_TRUNC, creation_of(readers).id(), access.id()),
                           "cannot make a file"),
                   H5Fclose);
}

WriteFile::WriteFile(WriteFile&&) noexcept = default;

WriteFile::~WriteFile() {
    if (!output_) return;
    file_ = Handle();
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void WriteFile::check() const {
    if (output_->error != 0) throw file_error("write", path_, output_->error);
}

void WriteFile::write_back() const {
    ::sync_file_range(output_->descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: an error shows in finish()
}

std::uint64_t WriteFile::append_sums() {
    const off_t content = ::lseek(output_->descriptor, 0, SEEK_END);
    if (content < 0) throw file_error("write", path_, errno);
    try {
        const std::string sums = output_->sums.behind(output_->descriptor, static_cast<std::uint64_t>(content));
        for (std::string_view rest = sums; !rest.empty();) {
            const ssize_t put = ::write(output_->descriptor, rest.data(), rest.size());
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) throw file_error("write", path_, put == 0 ? ENOSPC : errno);
            rest.remove_prefix(static_cast<std::size_t>(put));
        }
        return static_cast<std::uint64_t>(content) + sums.size();
    } catch (const std::system_error& e) {
        throw file_error("write", path_, e.code().value());
    }
}

std::uint64_t WriteFile::finish() {
    quiet();
    {
        const Handle closed = std::move(file_);
        if (H5Fflush(closed.id(), H5F_SCOPE_GLOBAL) < 0) fail(fmt::format("cannot write {}", path_.string()));
    }
    check();
    const std::uint64_t size = append_sums();
    if (::fdatasync(output_->descriptor) != 0) throw file_error("write", path_, errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw file_error("write", path_, errno);
    temporary_.clear();
    const auto folder = path_.parent_path();
    sync_directory(folder.empty() ? std::filesystem::path(".") : folder);
    return size;
}

void remove_abandoned(const std::filesystem::path& path) {
    const auto folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
    const auto now = std::filesystem::file_time_type::clock::now();
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto& found = entry->path();
        const bool temporary = found.extension() == kTemporarySuffix &&
                               found.filename().string().starts_with(path.filename().string() + ".");
        std::error_code ignored;
        if (temporary && now - std::filesystem::last_write_time(found, ignored) > kAbandonedAfter && !ignored)
            std::filesystem::remove(found, ignored);
    }
}

}  // namespace penstock::h5
