// The last words of a run: what came of it, where it is, what to do next. Pure.
#pragma once

#include "report/observer.hpp"

#include <string>

namespace penstock {

// What the summary says about results; "" leaves the line out.
struct ResultPlace {
    std::string program = "penstock";  // as it was started, for the commands suggested
    std::string run;                   // X.h5, as the user wrote it: what commands take as RUN
    bool collected = true;             // false: X.h5 does not exist yet, the segments of X.h5.run do
    std::string not_collected_reason;  // why, when it should have been
    std::string store;                 // "json:DIR" when values went elsewhere
    std::string example_table;         // "word-count/words": something with results to look at
};

std::string summary_text(const RunSummary& summary, const ResultPlace& place);

}  // namespace penstock
