// Reading HDF5 files through a driver of ours, which compares all that is read with the checksums behind the content
// before the library sees any of it.
#include "store/block_sums.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

namespace penstock::h5 {

namespace {

constexpr haddr_t kMaxAddress = (haddr_t{1} << 62) - 1;

// Reads of HDF5 are many and small: the block that was looked at last is kept.
class CheckedFile {
public:
    CheckedFile(const std::filesystem::path& path, Checksums checksums)
        : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (descriptor_ < 0) throw file_error("read", path, errno);
        try {
            look_at(checksums);
        } catch (...) {
            ::close(descriptor_);
            throw;
        }
    }
    ~CheckedFile() { ::close(descriptor_); }
    CheckedFile(const CheckedFile&) = delete;
    CheckedFile& operator=(const CheckedFile&) = delete;

    // What was found wrong with it; "" = nothing so far.
    const std::string& problem() const { return problem_; }
    void note(std::string problem) { problem_ = std::move(problem); }
    // Of what HDF5 is to know of.
    std::uint64_t size() const { return size_; }

    void read(std::uint64_t address, std::byte* to, std::size_t bytes) {
        if (!sums_) return read_unchecked(address, to, bytes);
        if (address > size_ || bytes > size_ - address) throw StoreError(damage("it ends too early"));
        while (bytes > 0) {
            const std::uint64_t block = address / BlockSums::kBlockBytes;
            const std::size_t offset = address % BlockSums::kBlockBytes;
            const std::size_t block_bytes = sums_->bytes_of(block);
            const std::size_t take = std::min(bytes, block_bytes - offset);
            if (take == block_bytes) {
                load(block, {to, take});
            } else {
                if (kept_ != block) {
                    kept_.reset();
                    buffer_.resize(block_bytes);
                    load(block, buffer_);
                    kept_ = block;
                }
                std::memcpy(to, buffer_.data() + offset, take);
            }
            address += take;
            to += take;
            bytes -= take;
        }
    }

private:
    void look_at(Checksums checksums) {
        struct stat facts {};
        if (::fstat(descriptor_, &facts) != 0) throw file_error("read", path_, errno);
        size_ = static_cast<std::uint64_t>(facts.st_size);
        try {
            sums_ = BlockSums::of(descriptor_, size_);
        } catch (const StoreError& e) {
            throw StoreError(damage(e.what()));
        } catch (const std::system_error& e) {
            throw file_error("read", path_, e.code().value());
        }
        if (sums_)
            size_ = sums_->content_bytes();
        else if (checksums == Checksums::required)
            throw StoreError(damage("its end, where its checksums should be, is missing or not as it was written"));
    }

    std::string damage(std::string_view what) const {
        return fmt::format(
            "cannot read {}: {}, so the file is damaged. Restore it from a copy, or go on without it: what only "
            "it held runs again with --resume",
            path_.string(), what);
    }

    std::size_t pread(std::uint64_t address, std::span<std::byte> to) const {
        std::size_t done = 0;
        while (done < to.size()) {
            const ssize_t got =
                ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(address + done));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw file_error("read", path_, errno);
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    // As HDF5 itself does it: what is behind the end is zero.
    void read_unchecked(std::uint64_t address, std::byte* to, std::size_t bytes) const {
        const std::size_t got = pread(address, {to, bytes});
        std::memset(to + got, 0, bytes - got);
    }

    void load(std::uint64_t block, std::span<std::byte> to) const {
        const std::uint64_t begin = block * BlockSums::kBlockBytes;
        const std::size_t got = pread(begin, to);
        if (got != to.size() || !sums_->fits(block, to))
            throw StoreError(
                damage(fmt::format("bytes {} to {} do not match their checksum", begin, begin + to.size() - 1)));
    }

    std::filesystem::path path_;
    int descriptor_;
    std::string problem_;
    std::uint64_t size_ = 0;
    std::optional<BlockSums> sums_;
    std::optional<std::uint64_t> kept_;
    std::vector<std::byte> buffer_;
};

// What HDF5 sees of a file. It is made while H5Fopen runs, and lives as long as anything in the file is open.
struct DriverFile {
    H5FD_t base;  // must be first
    std::shared_ptr<CheckedFile> file;
    haddr_t end_of_allocation;
};

DriverFile* of(H5FD_t* file) { return reinterpret_cast<DriverFile*>(file); }
const DriverFile* of(const H5FD_t* file) { return reinterpret_cast<const DriverFile*>(file); }

H5FD_t* open_driver(const char*, unsigned, hid_t access, haddr_t) {
    const auto* file = static_cast<const std::shared_ptr<CheckedFile>* const*>(H5Pget_driver_info(access));
    if (file == nullptr) return nullptr;
    return &(new DriverFile{{}, **file, 0})->base;
}

herr_t close_driver(H5FD_t* file) {
    delete of(file);
    return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
    const auto* first = of(a)->file.get();
    const auto* second = of(b)->file.get();
    if (first == second) return 0;
    return std::less<>()(first, second) ? -1 : 1;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
    *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
    return 0;
}

haddr_t end_of_allocation(const H5FD_t* file, H5FD_mem_t) { return of(file)->end_of_allocation; }
herr_t set_end_of_allocation(H5FD_t* file, H5FD_mem_t, haddr_t address) {
    of(file)->end_of_allocation = address;
    return 0;
}
haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) { return of(file)->file->size(); }

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
    try {
        of(file)->file->read(address, static_cast<std::byte*>(buffer), size);
        return 0;
    } catch (const std::exception& e) {
        of(file)->file->note(e.what());
        H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_IO, H5E_READERROR, "%s", e.what());
        return -1;
    }
}

herr_t write(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, size_t, const void*) { return -1; }

hid_t driver() {
    static const hid_t id = [] {
        static H5FD_class_t cls{};
        cls.name = "penstock-checked";
        cls.maxaddr = kMaxAddress;
        cls.fc_degree = H5F_CLOSE_WEAK;
        cls.fapl_size = sizeof(const std::shared_ptr<CheckedFile>*);
        cls.open = open_driver;
        cls.close = close_driver;
        cls.cmp = compare;
        cls.query = query;
        cls.get_eoa = end_of_allocation;
        cls.set_eoa = set_end_of_allocation;
        cls.get_eof = end_of_file;
        cls.read = read;
        cls.write = write;
        for (H5FD_mem_t& list : cls.fl_map) list = H5FD_MEM_DEFAULT;  // as H5FD_FLMAP_SINGLE, without a C macro
        return checked(H5FDregister(&cls), "cannot register the driver that reads files");
    }();
    return id;
}

}  // namespace

ReadFile::ReadFile(const std::filesystem::path& path, Checksums checksums) : path_(path) {
    quiet();
    const auto file = std::make_shared<CheckedFile>(path, checksums);
    const std::shared_ptr<CheckedFile>* const info = &file;
    const Handle access(checked(H5Pcreate(H5P_FILE_ACCESS), "cannot open a file"), H5Pclose);
    if (H5Pset_driver(access.id(), driver(), &info) < 0) fail("cannot open a file");
    file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose);
    if (!file_ && !file->problem().empty()) {
        H5Eclear2(H5E_DEFAULT);
        throw StoreError(file->problem());
    }
    if (!file_)
        fail(
            fmt::format("cannot read {}: it is no HDF5 file, or a damaged one (restore it from a copy, or remove it to "
                        "go on without it)",
                        path.string()));
}

}  // namespace penstock::h5
