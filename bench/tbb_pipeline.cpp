// Three stages of oneTBB's parallel_pipeline behind a source and before a count, in one process: what streams are
// beside. usage: tbb_pipeline ITEMS BYTES ordered|unordered     BYTES 0: integers, else strings of so many bytes Prints
// items and seconds.
#include <tbb/parallel_pipeline.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::size_t kTokens = 64;  // items under way at once

template <class Item, class Make>
long run(long items, tbb::filter_mode mode, const Make& make) {
    long made = 0, seen = 0;
    const auto source =
        tbb::make_filter<void, Item>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& control) {
            if (made == items) {
                control.stop();
                return Item{};
            }
            return make(made++);
        });
    const auto same = tbb::make_filter<Item, Item>(mode, [](Item item) { return item; });
    const auto count = tbb::make_filter<Item, void>(tbb::filter_mode::serial_in_order, [&](const Item&) { ++seen; });
    tbb::parallel_pipeline(kTokens, source & same & same & same & count);
    return seen;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return std::fputs("usage: tbb_pipeline ITEMS BYTES ordered|unordered\n", stderr), 2;
    const long items = std::atol(argv[1]);
    const auto bytes = static_cast<std::size_t>(std::atol(argv[2]));
    const auto mode =
        std::string_view(argv[3]) == "ordered" ? tbb::filter_mode::serial_in_order : tbb::filter_mode::parallel;
    const auto begin = std::chrono::steady_clock::now();
    const long seen = bytes == 0 ? run<long>(items, mode, [](long i) { return i; })
                                 : run<std::string>(items, mode, [&](long) { return std::string(bytes, 'x'); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%ld %.6f\n", seen, took.count());
}
