// `noop`: needs nothing, does nothing, makes nothing. For measuring, and as a joint that many jobs follow.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Noop : public Worker {
public:
    static constexpr std::string_view kName = "noop";
    Document process(const Document&, Context&) override { return {}; }
};

}  // namespace penstock
