// One thing that is wrong with a definition, told so that its author can mend it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace penstock {

struct Diagnostic {
    enum class Severity { error, warning, note };

    Severity severity = Severity::error;
    std::string file;         // "" for pipelines made in C++
    std::size_t line = 0;     // from 1; 0 = no place in a text
    std::size_t column = 0;   // from 1, in characters
    std::size_t length = 1;   // of the underlined part
    std::string source_line;  // the whole line, for the caret
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

// The candidates nearest to `word` by edit distance, best first; empty when none is near.
std::vector<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace penstock
