#include "cli/run_plans.hpp"

#include "language/diagnostic.hpp"
#include "language/load.hpp"

#include <ostream>
#include <set>
#include <string>

namespace penstock {

std::vector<std::shared_ptr<const Plan>> plans_of(const Results& results, const WorkerTypes& types, Streams& streams) {
    LoadOptions options;
    options.for_each_given = true;  // keys its lines gave are there
    options.store_provides_keys = true;
    std::vector<std::shared_ptr<const Plan>> plans;
    std::set<std::string> seen;
    for (const Results::Definition& definition : results.definitions()) {
        const Loaded loaded = load_text(definition.text, "definition of the run", definition.directory, types, options);
        if (!loaded.ok()) streams.err << render(loaded.diagnostics);
        for (const auto& plan : loaded.plans) {
            if (seen.insert(plan->name).second) plans.push_back(plan);
        }
    }
    return plans;
}

}  // namespace penstock
