// The files being read together: opened when needed, so that any number of them costs few descriptors and little
// memory.
#pragma once

#include "store/source.hpp"

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

// A file could not be read: gone, or damaged. Collection goes on without it, or lists the segments again.
class SourceFailed : public StoreError {
public:
    SourceFailed(std::filesystem::path path, const std::string& what) : StoreError(what), path_(std::move(path)) {}
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

class SourcePool {
public:
    static constexpr std::size_t kMostOpen = 128;

    explicit SourcePool(std::vector<std::filesystem::path> paths) : slots_(paths.size()) {
        for (std::size_t i = 0; i < paths.size(); ++i) slots_[i].path = std::move(paths[i]);
    }
    SourcePool(SourcePool&&) = default;
    SourcePool& operator=(SourcePool&&) = default;

    std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }
    const std::filesystem::path& path(std::uint32_t source) const { return slots_[source].path; }
    // What `read` throws becomes a SourceFailed of that file.
    template <class Read>
    auto reading(std::uint32_t source, Read&& read) const {
        try {
            return read();
        } catch (const SourceFailed&) {
            throw;
        } catch (const std::exception& e) {
            throw SourceFailed(path(source), path(source).string() + ": " + e.what());
        }
    }
    // The file, opened if it is not. Shared, so that readers of its columns outlive its being closed here.
    std::shared_ptr<Source> open(std::uint32_t source) {
        Slot& slot = slots_[source];
        if (slot.source) {
            recent_.splice(recent_.begin(), recent_, slot.place);
            return slot.source;
        }
        slot.source = reading(source, [&] { return std::make_shared<Source>(slot.path); });
        recent_.push_front(source);
        slot.place = recent_.begin();
        if (recent_.size() > kMostOpen) {
            slots_[recent_.back()].source.reset();
            recent_.pop_back();
        }
        return slot.source;
    }

private:
    struct Slot {
        std::filesystem::path path;
        std::shared_ptr<Source> source;
        std::list<std::uint32_t>::iterator place;
    };
    std::vector<Slot> slots_;
    std::list<std::uint32_t> recent_;  // the open ones, the one used last in front
};

}  // namespace penstock
