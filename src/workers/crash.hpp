// `crash`: takes its worker process down; for trying out what becomes of the run (one failed attempt, and nothing
// else). `how` is segfault (the default), abort, exit or hang. With `attempts: n` only the first n attempts crash.
// Inline it takes the broker down with it: leave its isolation at `process`.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Crash : public Worker {
public:
    static constexpr std::string_view kName = "crash";
    static std::vector<std::string> check(const Document& with);
    Document process(const Document&, Context& context) override;
};

}  // namespace penstock
