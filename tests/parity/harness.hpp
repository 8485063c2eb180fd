// What the tests of this folder share. They run in the driver function of one program, which is launched with any
// number of ranks: a test starts streams with manager(), under names of its own, and counts and compares what comes
// out.
//
// To add some: a file of tests, a header with their worker types, and these in the list in main.cpp.
#pragma once

#include <penstock/penstock.hpp>

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace penstock::parity {

// That of the run in which the tests are.
PipelineManager& manager();

// The name of the running test, which its streams bear too.
inline std::string name() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    return std::string(test->test_suite_name()) + "." + test->name();
}

// What comes out of the only sink, of the stream or of one that is fed with `items`.
inline List results_of(StreamHandle& stream) {
    List all;
    for (const Value& item : stream.results()) all.push_back(item);
    return all;
}
inline List results_of(const Flow& flow) {
    StreamHandle stream = manager().stream(StreamPipeline(name(), flow));
    stream.close();
    return results_of(stream);
}

inline std::vector<std::int64_t> numbers(const List& items) {
    std::vector<std::int64_t> numbers;
    for (const Value& item : items) numbers.push_back(item.int64());
    return numbers;
}

inline std::vector<std::int64_t> iota(std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < count; ++i) all.push_back(first + i);
    return all;
}

}  // namespace penstock::parity
