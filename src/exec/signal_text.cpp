#include "exec/signal_text.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <cctype>

namespace penstock {

std::string signal_text(int signal) {
    const char* name = ::sigabbrev_np(signal);
    const char* description = ::sigdescr_np(signal);
    if (name == nullptr || description == nullptr) return fmt::format("signal {}", signal);
    std::string text = description;
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return fmt::format("SIG{} ({})", name, text);
}

}  // namespace penstock
