// Where a command reads and writes; tests give string streams.
#pragma once

#include <iosfwd>

namespace penstock {

struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool out_is_terminal = false;  // text of jobs is then shown with its control characters made visible
};

}  // namespace penstock
