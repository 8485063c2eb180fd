// Finding jobs by name or wildcard.
#pragma once

#include "language/definition.hpp"

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace penstock {

class JobNames {
public:
    explicit JobNames(const Definition& definition) : definition_(definition) {}

    static constexpr std::uint32_t kNone = 0xffffffff;
    std::uint32_t find(std::string_view name) const;

    // The jobs whose names match, in definition order. Each pattern is looked up once; names with another beginning
    // than the pattern's are never looked at. `compared` counts names that were.
    const std::vector<std::uint32_t>& matching(std::string_view pattern);
    std::uint64_t compared() const { return compared_; }

    // Made anew for each call: for suggestions, while these are wanted.
    std::vector<std::string_view> all() const;

private:
    void sort_names();

    const Definition& definition_;
    std::vector<std::uint32_t> by_name_;  // sorted when first needed
    std::map<std::string_view, std::vector<std::uint32_t>> matches_;
    std::uint64_t compared_ = 0;
};

}  // namespace penstock
