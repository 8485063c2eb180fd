// The text of `shell:` as a bash script in which no value is ever code.
//
// Values are handed to bash as arguments and kept in shell variables; each placeholder becomes a reference to its
// variable, written as its place in the script asks: {x} alone becomes "${...}", within double quotes ${...}, within
// single quotes '"${...}"'. What the place is, is read off the script by a scanner that knows bash's quotes, comments,
// here-documents, $(...) and ((...)), but is no bash. Where it errs, a value may be split into words or get a quote too
// many; it is never run, because bash does not read the results of expansions as code.
#pragma once

#include "exec/command_spec.hpp"

#include <string>
#include <vector>

namespace penstock {

struct ShellScript {
    std::string text;                // for bash -c
    std::vector<std::string> names;  // whose values follow as arguments, in this order
    // Names within ((...)): bash evaluates what such a variable holds, so that only numbers may stand there.
    std::vector<std::string> numbers;
};

// A placeholder that cannot be filled in where it stands is reported in `problems`.
ShellScript compile_shell(const CommandText& text, std::vector<std::string>& problems);

// The arguments behind `bash -c TEXT bash` for the values of one name: how many there are, then each.
void append_shell_value(const Value& value, std::vector<std::string>& arguments);

}  // namespace penstock
