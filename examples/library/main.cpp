// A program of one's own: two worker types, and a driver function that decides what to run next by what came out.
//
// It starts a pipeline for x = 1, 2, 4, ... until a cube is beyond a limit, then one over all numbers in between:
//
//     mpirun -n 4 ./cubes -o cubes.h5 -- 1000
//
// Definition files may be named besides: ./cubes run cubes.yaml -o cubes.h5. Their pipelines run as well. With
// --store text:FOLDER values go to a store of its own, which also gives keys.
#include "square.hpp"
#include "text_store.hpp"

#include <penstock/penstock.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

void find_cubes_below_limit(penstock::PipelineManager& manager) {
    const auto& arguments = manager.arguments();
    const std::int64_t limit = arguments.empty() ? 1000 : std::stoll(arguments.front());

    // One pipeline for each x, because the next x depends on the last cube.
    penstock::Pipeline probe("probe", {{penstock::Job("square", "Square"), penstock::Job("cube", "Cube")}});
    std::int64_t x = 1;
    while (true) {
        const auto number = manager.start(probe, {{"x", x}});
        if (manager.wait(number).state == penstock::PipelineStatus::State::failed) return;
        if (at(*manager.results(number, "cube"), "cube").int64() >= limit) break;
        x *= 2;
    }

    // All numbers up to the one that was too large, in one pipeline of many jobs.
    penstock::Pipeline all("all");
    all.add(penstock::Job("square", "Square").range("x", 0, x + 1));
    all.add(penstock::Job("cube", "Cube").like("square"));
    const auto number = manager.start(all);
    manager.wait(number);
    std::int64_t below = 0;
    for (const auto& row : manager.rows(number, "cube")) below += at(row.values, "cube").int64() < limit ? 1 : 0;
    std::printf("%lld numbers have a cube below %lld\n", static_cast<long long>(below), static_cast<long long>(limit));
}

}  // namespace

int main(int argc, char** argv) {
    return penstock::Application<Square, Cube>{}.store<TextStore>().run(argc, argv, find_cubes_below_limit);
}
