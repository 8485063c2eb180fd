// One thing that is wrong with a definition, told so that its author can mend it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct Diagnostic {
    enum class Severity { error, warning, note };

    Severity severity = Severity::error;
    std::string file;         // "" for pipelines made in C++
    std::size_t line = 0;     // from 1; 0 = no place in a text
    std::size_t column = 0;   // from 1, in characters
    std::size_t length = 1;   // of the underlined part
    std::string source_line;  // for the caret: the whole line, or a stretch of a very long one
    std::size_t clipped = 0;  // characters of the line that are cut off before source_line
    std::string problem;      // "unknown key `retrys`"
    std::string reason;       // why it is a problem; may be empty
    std::string suggestion;   // what to do: "did you mean `retries`?"; may be empty
};

// sweep.yaml:7:5: error: unknown key `retrys`
//     7 |     retrys: 3
//       |     ^~~~~~
//   why: ...
//   try: did you mean `retries`?
std::string render(const Diagnostic& diagnostic);
std::string render(const std::vector<Diagnostic>& diagnostics);

// `text` between backquotes, for messages: control characters shown as \xNN, a long text cut.
std::string quote(std::string_view text);

// The candidates nearest to `word` by edit distance, best first; empty when none is near.
std::vector<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates);
std::vector<std::string> did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

// "did you mean `retries`?", or "" when no candidate is near.
std::string did_you_mean_text(std::string_view word, const std::vector<std::string_view>& candidates);
// "`a`, `b` and `c`"; after `most` of them "and 7 more".
std::string enumerate(const std::vector<std::string_view>& words, std::size_t most = 12);

}  // namespace penstock
