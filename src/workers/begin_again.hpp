// What to do when a stream cannot go on from where it was.
#pragma once

#include <string_view>

namespace penstock {

inline constexpr std::string_view kHowToBeginAgain =
    "For the stream to begin again, remove the folder positions of the run (X.h5.run/positions) and go on with --resume "
    "--retry-failed";

}  // namespace penstock
