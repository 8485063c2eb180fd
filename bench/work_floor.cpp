// The ideal of a stage that works: threads that do so many microseconds of work an item, and nothing else.
// usage: work_floor THREADS MICROSECONDS ITEMS
// Prints items per second of all threads together.
#include "bench_types.hpp"

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int threads = std::atoi(argv[1]);
    const std::chrono::microseconds work(std::atol(argv[2]));
    const long items = std::atol(argv[3]);
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (long i = t; i < items; i += threads) penstock::bench::work_for(work);
        });
    for (std::thread& thread : all) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%.0f items/s\n", static_cast<double>(items) / took.count());
}
