// Worker types of the tests of what could make stages wait for one another.
#pragma once

#include <penstock/penstock.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace penstock::parity {

// Makes `results` items of a MiB of each number. With a folder `marks`, the one of 0 waits until those of 1 and 2 have
// made their first: what is made later in the order is there before.
class Mebibytes : public GeneratorWorker {
public:
    static constexpr std::string_view kName = "Mebibytes";
    static std::string item(std::int64_t number, std::int64_t result) {
        std::string text = std::to_string(number) + "." + std::to_string(result);
        text.resize(1 << 20, ' ');
        return text;
    }
    void on_item(const Value& number, Emit& emit, Context& context) override {
        const std::int64_t n = number.int64(), results = at(context.parameters(), "results").int64();
        const std::filesystem::path marks = at(context.parameters(), "marks").string();
        if (n == 0)
            while (!std::filesystem::exists(marks / "1") || !std::filesystem::exists(marks / "2"))
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        for (std::int64_t i = 0; i < results; ++i) {
            emit(item(n, i));
            if (i == 0 && n != 0 && n <= 2) std::ofstream(marks / std::to_string(n)) << "made";
        }
    }
};

// A fold that says how many items it saw when there are no more.
class HowMany : public FoldWorker {
public:
    static constexpr std::string_view kName = "HowMany";
    void on_item(const Value&, Context&) override { ++seen_; }
    void finish(Emit& emit, Context&) override { emit(seen_); }

private:
    std::int64_t seen_ = 0;
};

}  // namespace penstock::parity
