// `sleep`: waits for `seconds` (a number, or a text like "10 ms") and makes nothing. Ends at once, as failed, when the
// job is cancelled.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Sleep : public Worker {
public:
    static constexpr std::string_view kName = "sleep";
    static std::vector<std::string> check(const Document& with);
    Document process(const Document&, Context& context) override;
};

}  // namespace penstock
