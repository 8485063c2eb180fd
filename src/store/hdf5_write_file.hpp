// Writing an HDF5 file so that a full disk cannot confuse the library.
//
// HDF5 does not survive a write that fails while it closes a file: the file stays open for ever. So it writes through a
// driver of ours that notes the first error and swallows everything after it; finish() then throws what happened. The
// file has a temporary name until finish(), which syncs it, renames it and syncs the directory: it appears complete and
// durable, or not at all. Destroyed without finish(), the temporary file is removed.
#pragma once

#include "store/hdf5.hpp"

#include <filesystem>
#include <memory>

namespace penstock::h5 {

// Which readers a file is for. `any`: every HDF5 since 1.8. `recent`: since 1.10, with less overhead a dataset.
enum class Readers { any, recent };

class WriteFile {
public:
    // The temporary file stands beside `path`, named so that two processes do not clash.
    WriteFile(const std::filesystem::path& path, Readers readers);
    WriteFile(WriteFile&&) noexcept;
    ~WriteFile();

    hid_t id() const { return file_.id(); }
    // Throws when something could not be written so far: to end long writes early.
    void check() const;
    // Asks the system to begin writing to the disk what it has of the file, so that the sync at the end is short.
    void write_back() const;

    // Throws StoreError; `path` is untouched then. Returns the size of the file.
    std::uint64_t finish();

    struct Output;  // what the driver writes to

private:
    std::uint64_t append_sums();  // store/block_sums.hpp; the size of the file with them

    std::filesystem::path path_;
    std::filesystem::path temporary_;
    std::unique_ptr<Output> output_;
    Handle file_;
};

// Removes what crashes left of earlier attempts to write `path`: temporary files that nobody has written to for an
// hour.
void remove_abandoned(const std::filesystem::path& path);

}  // namespace penstock::h5
