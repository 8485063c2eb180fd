// Worker types that several programs of the benchmarks have.
#pragma once

#include <penstock/worker.hpp>

#include <chrono>
#include <string_view>

namespace penstock::bench {

// Works for `us` microseconds.
class Busy final : public Worker {
public:
    static constexpr std::string_view kName = "bench-busy";

    Document process(const Document&, Context& context) override {
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::microseconds(context.parameters().at("us").int64());
        while (std::chrono::steady_clock::now() < until) {
        }
        return {};
    }
};

}  // namespace penstock::bench
