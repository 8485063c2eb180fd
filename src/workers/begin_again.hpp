// What to do when a stream cannot go on from where it was. Short: the summary of a run shows the beginning of an error.
#pragma once

#include <string_view>

namespace penstock {

inline constexpr std::string_view kHowToBeginAgain =
    "For the stream to begin again remove X.h5.run/positions and go on with --resume --retry-failed";

}  // namespace penstock
