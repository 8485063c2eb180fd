// Signals by name, for error messages.
#pragma once

#include <string>

namespace penstock {

// "SIGSEGV (segmentation fault)"
std::string signal_text(int signal);

}  // namespace penstock
