#include "fuzz/fuzz.hpp"

#include <cstddef>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    penstock::fuzz({data, size});
    return 0;
}
