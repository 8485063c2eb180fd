// Words as a shell takes them, for people to read and copy. (Values never reach a shell through this: see
// exec/command_shell.hpp.)
#pragma once

#include <string>
#include <string_view>

namespace penstock {

// 'sweep/simulate[seed=0]'; as it is when it needs no quotes.
std::string shell_quoted(std::string_view word);

}  // namespace penstock
