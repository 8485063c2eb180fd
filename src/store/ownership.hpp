// Who owns a run directory.
//
// Each launch that takes a run creates `incarnations/NNNNNN` exclusively: the number is its own and is never used again
// while the directory exists. The owner counts up in that file once a second; an observer calls it dead only when the
// count stands still for `patience` on the observer's own clock. Where file locks work, a lock on `lock` says the same
// at once. Clocks of two hosts are never compared, and a wrong verdict costs the old run, not the new one's results.
//
// Threads: one renews in the background until the object is destroyed. Errors: StoreError.
#pragma once

#include "core/ids.hpp"
#include "store/files.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace penstock {

struct OwnershipTiming {
    Nanoseconds renew_every = 1'000'000'000;
    Nanoseconds patience = 10'000'000'000;
};

// What the newest incarnation of a directory says about its owner.
struct Owner {
    std::uint32_t incarnation = 0;
    std::string host;
    std::string boot;  // of the host's kernel; "" = unknown
    std::uint32_t pid = 0;
    bool locked = false;      // it holds the file lock as well
    bool ended = false;       // it left by itself
    std::uint64_t count = 0;  // of renewals

    std::string text() const;  // "process 4711 on node17"
};

class Ownership {
public:
    // The new incarnation has a number above `after`. Throws StoreError when a live owner has it.
    static std::unique_ptr<Ownership> take(const std::filesystem::path& directory, const OwnershipTiming& timing,
                                           std::uint32_t after = 0);
    virtual ~Ownership() = default;  // the directory has no owner then

    virtual std::uint32_t incarnation() const = 0;
};

// The newest owner, dead or alive; nothing when the directory never had one.
std::optional<Owner> newest_owner(const std::filesystem::path& directory);

// True when somebody holds the lock: surely alive. False says nothing where locks do not work.
bool lock_is_held(const std::filesystem::path& directory);

}  // namespace penstock
