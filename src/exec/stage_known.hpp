// Stages whose type fills in placeholders itself (`command`) get the values that are known before the first item (data,
// for-each) as one more parameter: those of the items come later.
#pragma once

#include <string_view>

namespace penstock {

inline constexpr std::string_view kKnownValues = "@known";  // no name that a definition can have

}  // namespace penstock
