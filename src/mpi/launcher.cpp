#include "mpi/launcher.hpp"

#include "run/run.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace penstock {

std::uint32_t launcher_rank() {
    // A batch script has SLURM_PROCID too, and starts programs without a launcher.
    if (!started_by_launcher()) return 0;
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
        const char* text = std::getenv(name);
        if (text == nullptr) continue;
        const std::string_view digits(text);
        std::uint32_t rank = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
        if (error == std::errc() && end == digits.data() + digits.size()) return rank;
    }
    return 0;
}

}  // namespace penstock
