// `fail`: fails, with the text of `message`; for trying out what a failure does to a pipeline. With `attempts: n` only
// the first n attempts fail, and a further one succeeds.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Fail : public Worker {
public:
    static constexpr std::string_view kName = "fail";
    static std::vector<std::string> check(const Document& with);
    Document process(const Document&, Context& context) override;
};

}  // namespace penstock
