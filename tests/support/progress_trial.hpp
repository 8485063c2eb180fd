// A pipeline in a string, driven by hand: what PipelineProgress tells, as text.
#pragma once

#include "core/pipeline_progress.hpp"

#include "support/plans.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::test {

using Lines = std::vector<std::string>;

inline std::string range(std::uint32_t first, std::uint32_t count) {
    return count == 1 ? std::to_string(first) : "[" + std::to_string(first) + "," + std::to_string(first + count) + ")";
}

// Everything that changed, as text.
inline Lines lines(const Changes& changes) {
    Lines all;
    for (const auto& r : changes.ready) {
        std::string line = "ready " + range(r.first, r.count);
        if (r.holder != PipelineProgress::kNobodyHolds) line += " at " + std::to_string(r.holder);
        if (!r.located) line += " to be located";
        all.push_back(line);
    }
    for (const auto& r : changes.skipped)
        all.push_back("skipped " + range(r.first, r.count) + " because of " + std::to_string(r.cause));
    for (const auto& r : changes.released)
        all.push_back("release " + range(r.first, r.count) + " at " + std::to_string(r.holder));
    return all;
}

// One pipeline under test.
class Trial {
public:
    explicit Trial(std::string_view graph)
        : progress_(std::make_shared<const Structure>(structure_of(*plan_of(graph)))) {}

    Lines start() {
        Changes changes;
        progress_.start(changes);
        return lines(changes);
    }
    Lines ok(std::uint32_t first, std::uint32_t count = 1, std::uint32_t broker = 2) {
        return end(first, count, true, broker);
    }
    Lines fail(std::uint32_t first, std::uint32_t count = 1, std::uint32_t broker = 2) {
        return end(first, count, false, broker);
    }
    // For large plans, whose changes are counted rather than listed.
    Changes end_quietly(std::uint32_t first, std::uint32_t count, bool succeeded) {
        Changes changes;
        EXPECT_TRUE(progress_.ended(first, count, succeeded, 2, changes));
        return changes;
    }
    Lines refused(std::uint32_t first, std::uint32_t count) {
        Changes changes;
        EXPECT_FALSE(progress_.ended(first, count, true, 2, changes));
        return lines(changes);
    }
    PipelineProgress& progress() { return progress_; }
    bool done() const { return progress_.done(); }

private:
    Lines end(std::uint32_t first, std::uint32_t count, bool succeeded, std::uint32_t broker) {
        Changes changes;
        EXPECT_TRUE(progress_.ended(first, count, succeeded, broker, changes)) << range(first, count);
        return lines(changes);
    }

    PipelineProgress progress_;
};

}  // namespace penstock::test
