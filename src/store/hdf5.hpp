// A small layer over the C API of HDF5: handles that close themselves, and errors that become StoreError.
//
// Only files of this folder include it. The library prints nothing; what it has to say about a failure is part of the
// StoreError's text. Threads: HDF5 as Debian builds it takes a global lock in every call; one object of this layer is
// used by one thread at a time.
#pragma once

#include "store/store_error.hpp"

#include <penstock/value.hpp>

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::h5 {

// Switches the library's printing off in this thread. Every function of this layer does so itself.
void quiet();
// "what: the library's innermost words"; clears its stack.
[[noreturn]] void fail(std::string_view what);

inline hid_t checked(hid_t id, std::string_view what) {
    if (id < 0) fail(what);
    return id;
}

// An open HDF5 object of any kind.
class Handle {
public:
    using Close = herr_t (*)(hid_t);

    Handle() = default;
    Handle(hid_t id, Close close) : id_(id), close_(close) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }

    hid_t id() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }

private:
    hid_t id_ = -1;
    Close close_ = nullptr;
};

// ---------------------------------------------------------------------------------------------- types

// An element type as it stands in this machine's memory. Never to be closed.
hid_t native(ElementType type);
// FALSE and TRUE, as h5py writes numpy.bool_.
hid_t boolean();
Handle fixed_string(std::size_t bytes);  // UTF-8, padded with NULs
Handle variable_string();                // UTF-8
Handle variable_array(hid_t element);
// An enumeration over uint8: names[i] has the value i; an empty name leaves its value out.
Handle enumeration(std::span<const std::string_view> names);

// ---------------------------------------------------------------------------------------------- groups, attributes

Handle create_group(hid_t parent, const std::string& name);
Handle open_group(hid_t parent, const std::string& name);
bool exists(hid_t parent, const std::string& name);  // a link of this name; `name` is one step, no path
std::vector<std::string> names(hid_t group);         // of its links, in alphabetical order

void write_attribute(hid_t object, const char* name, std::string_view text);
void write_attribute(hid_t object, const char* name, std::uint64_t number);
void write_attribute(hid_t object, const char* name, const std::vector<std::string>& texts);
void write_attribute(hid_t object, const char* name, const std::vector<std::uint64_t>& numbers);
bool has_attribute(hid_t object, const char* name);
std::string text_attribute(hid_t object, const char* name);  // "" when there is none
std::uint64_t number_attribute(hid_t object, const char* name, std::uint64_t otherwise = 0);
std::vector<std::string> texts_attribute(hid_t object, const char* name);
std::vector<std::uint64_t> numbers_attribute(hid_t object, const char* name);

// ---------------------------------------------------------------------------------------------- files

// Whether a file must have checksums of its blocks at its end (store/block_sums.hpp). What this program has made has
// them; a results file loses them when another program changes it.
enum class Checksums { required, when_there };

// A file opened for reading. No lock is taken: files of a run never change once they have their name. What was opened
// in it stays open when the ReadFile goes. All that is read from a file with checksums is compared with them first.
class ReadFile {
public:
    explicit ReadFile(const std::filesystem::path& path, Checksums checksums = Checksums::when_there);
    hid_t id() const { return file_.id(); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    Handle file_;
};

}  // namespace penstock::h5
