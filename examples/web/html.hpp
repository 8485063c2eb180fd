// What the workers need of an HTML page. Parsed by gumbo as a browser would: nothing is refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace web {

// What a reader sees of the body: no scripts, styles, templates or comments. Elements that are part of a line (a, b,
// code, span, ...) leave no trace; every other one separates by a line break.
std::string visible_text(const std::string& html);

// The text of the first <title>, without space around it and with one space for every run within; none when the page
// has no title, or an empty one.
std::optional<std::string> title(const std::string& html);

// The targets of all <a href>, absolute, without #fragment, http and https only, each once, in order of appearance.
// Relative ones resolve against `page_url`, or the page's <base href>.
std::vector<std::string> links(const std::string& html, const std::string& page_url);

// Runs of letters of any script (combining marks belong to the letter before them), in lower case.
std::vector<std::string> words(std::string_view text);

}  // namespace web
