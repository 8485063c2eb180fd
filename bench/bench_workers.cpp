// A penstock with more worker types: jobs whose results are 3 scalars and an array of 100 doubles, and stages that do
// next to nothing.
#include "bench_types.hpp"

#include <penstock/application.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

class BenchArray final : public penstock::Worker {
public:
    static constexpr std::string_view kName = "bench-array";
    static penstock::Keys makes() { return {"energy", "steps", "converged", "profile"}; }

    penstock::Document process(const penstock::Document&, penstock::Context&) override {
        ++jobs_;
        std::vector<double> profile(100);
        for (std::size_t i = 0; i < profile.size(); ++i)
            profile[i] = static_cast<double>(jobs_) + 0.01 * static_cast<double>(i);
        return {{"energy", 0.5 * static_cast<double>(jobs_)},
                {"steps", jobs_},
                {"converged", jobs_ % 2 == 0},
                {"profile", profile}};
    }

private:
    std::int64_t jobs_ = 0;
};

// `count` items: integers, or strings of `bytes` bytes, or float64 arrays of that size (`array: true`).
class BenchSource final : public penstock::SourceWorker {
public:
    static constexpr std::string_view kName = "bench-source";

    void generate(penstock::Emit& emit, penstock::Context& context) override {
        const std::int64_t count = at(context.parameters(), "count").int64();
        const auto bytes = context.parameters().find("bytes");
        const bool of_numbers = context.parameters().contains("array");
        for (std::int64_t i = 0; i < count && !context.cancelled(); ++i) {
            if (bytes == context.parameters().end())
                emit(i);
            else
                emit(item_of(static_cast<std::size_t>(bytes->second.int64()), of_numbers));
        }
    }

private:
    static penstock::Value item_of(std::size_t bytes, bool of_numbers) {
        if (!of_numbers) return std::string(bytes, 'x');
        return penstock::Array::of(std::vector<double>(bytes / sizeof(double), 0.5));
    }
};

// The item; works for `us` microseconds on it.
class BenchPass final : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "bench-pass";

    void start(penstock::Context& context) override {
        const auto us = context.parameters().find("us");
        if (us != context.parameters().end()) work_ = std::chrono::microseconds(us->second.int64());
    }
    std::optional<penstock::Value> on_item(const penstock::Value& item, penstock::Context&) override {
        if (work_.count() != 0) penstock::bench::work_for(work_);
        return item;
    }

private:
    std::chrono::microseconds work_{0};
};

// How many items there were; takes `us` microseconds for each, without computing.
class BenchCount final : public penstock::FoldWorker {
public:
    static constexpr std::string_view kName = "bench-count";

    void start(penstock::Context& context) override {
        const auto us = context.parameters().find("us");
        if (us != context.parameters().end()) pause_ = std::chrono::microseconds(us->second.int64());
    }
    void on_item(const penstock::Value&, penstock::Context&) override {
        ++items_;
        if (pause_.count() != 0) std::this_thread::sleep_for(pause_);
    }
    void finish(penstock::Emit& emit, penstock::Context&) override { emit(items_); }

private:
    std::chrono::microseconds pause_{0};
    std::int64_t items_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    return penstock::Application<BenchArray, BenchSource, BenchPass, BenchCount, penstock::bench::Busy>{}.run(argc,
                                                                                                              argv);
}
