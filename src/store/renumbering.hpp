// Where jobs stand in a definition that has changed.
//
// Rows know their job by its number within its template. When a definition changes so that numbers mean other jobs,
// what there is is written anew before anything is added to it: each job has its new number then, and those the
// definition has no more stand behind the others and are marked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace penstock {

struct Renumbering {
    struct Template {
        std::uint32_t first_job = 0;
        std::uint32_t count = 0;                // of the new definition; numbers from here on are of removed jobs
        std::vector<std::uint32_t> new_number;  // by old number
    };
    std::string pipeline;  // the name of the definition; none other is touched
    std::map<std::string, Template> templates;
    std::uint32_t jobs = 0;  // of the new definition: jobs of templates it has no more stand behind them

    // Null when the definition has no such template any more.
    const Template* find(const std::string& name) const {
        const auto at = templates.find(name);
        return at == templates.end() ? nullptr : &at->second;
    }
};

}  // namespace penstock
