#include "deadlock_workers.hpp"
#include "harness.hpp"
#include "mpipe_workers.hpp"
#include "parallelpipe_workers.hpp"

#include <cstdlib>

namespace penstock::parity {

namespace {
PipelineManager* running = nullptr;
}

PipelineManager& manager() { return *running; }

}  // namespace penstock::parity

int main(int argc, char** argv) {
    using namespace penstock::parity;
    testing::InitGoogleMock(&argc, argv);
    bool driven = false;
    int result = EXIT_FAILURE;
    const int code = penstock::Application<Add, Double, Same, Every, Only, Total, Largest, Fragile, Slow, Numbers, Dies,
                                           Hangs, Times, Echo, Several, Guarded, Mebibytes, HowMany>{}
                         .run(argc, argv, [&](penstock::PipelineManager& manager) {
                             driven = true;
                             running = &manager;
                             result = RUN_ALL_TESTS();
                         });
    return driven ? result : code;  // streams that are meant to fail are in the code
}
