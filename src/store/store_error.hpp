// Storing or reading results failed: the message names the file, the reason and the remedy.
#pragma once

#include <stdexcept>

namespace penstock {

class StoreError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace penstock
