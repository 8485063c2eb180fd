// Worker types that several programs of the benchmarks have.
#pragma once

#include <penstock/worker.hpp>

#include <chrono>
#include <string_view>

namespace penstock::bench {

inline void work_for(std::chrono::nanoseconds time) {
    for (const auto until = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < until;) {
    }
}

// Works for `us` microseconds.
class Busy final : public Worker {
public:
    static constexpr std::string_view kName = "bench-busy";

    Document process(const Document&, Context& context) override {
        work_for(std::chrono::microseconds(context.parameters().at("us").int64()));
        return {};
    }
};

}  // namespace penstock::bench
