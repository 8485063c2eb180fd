// Which messages a rank listens to: those that the role of their sender sends, to a role that is here. Others make no
// sense, whoever sends them; they are counted, told a few times, and dropped.
#pragma once

#include "protocol/messages.hpp"
#include "run/layout.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace penstock {

class Admission {
public:
    using Complain = std::function<void(std::uint32_t from, const std::string& problem)>;
    // Of each sender so many are told, and then only counted.
    static constexpr std::uint64_t kMostTold = 10;

    // `layout` must outlive this.
    Admission(const LaunchLayout& layout, std::uint32_t rank, Complain complain);

    bool admits(const Envelope& envelope);
    // A message that did not even decode; counted and told like those.
    void refuse(std::uint32_t from, const std::string& problem);

    std::uint64_t refused() const { return refused_; }

private:
    const LaunchLayout& layout_;
    std::uint32_t rank_;
    Complain complain_;
    std::map<std::uint32_t, std::uint64_t> by_sender_;
    std::uint64_t refused_ = 0;
};

}  // namespace penstock
