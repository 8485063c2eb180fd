#include "sim/simulate.hpp"

#include "sim/checkers/as_modelled.hpp"
#include "sim/checkers/attempts.hpp"
#include "sim/checkers/books_balance.hpp"
#include "sim/checkers/exactly_once.hpp"
#include "sim/checkers/no_idle_slot.hpp"
#include "sim/checkers/over_when_durable.hpp"
#include "sim/checkers/parents_first.hpp"
#include "sim/checkers/plans_forgotten.hpp"
#include "sim/checkers/resources.hpp"
#include "sim/checkers/values.hpp"
#include "sim/cluster.hpp"

#include <deque>

namespace penstock::sim {

namespace {

std::vector<std::unique_ptr<Checker>> all_checkers() {
    std::vector<std::unique_ptr<Checker>> all;
    all.push_back(std::make_unique<Attempts>());
    all.push_back(std::make_unique<ExactlyOnce>());
    all.push_back(std::make_unique<ParentsFirst>());
    all.push_back(std::make_unique<ResourcesHold>());
    all.push_back(std::make_unique<Values>());
    all.push_back(std::make_unique<OverWhenDurable>());
    all.push_back(std::make_unique<NoIdleSlot>());
    all.push_back(std::make_unique<AsModelled>());
    all.push_back(std::make_unique<BooksBalance>());
    all.push_back(std::make_unique<PlansForgotten>());
    return all;
}

Outcome run(Cluster& cluster) {
    Outcome outcome;
    try {
        cluster.run();
    } catch (const Violation& v) {
        outcome.violation = v;
    }
    outcome.jobs = cluster.router().router().counts().ended();
    outcome.messages = cluster.messages();
    return outcome;
}

}  // namespace

Outcome simulate(const Scenario& s) {
    Cluster cluster(s, all_checkers());
    return run(cluster);
}

std::string transcript_of(const Scenario& s, std::size_t last_messages) {
    std::deque<std::string> lines;
    Cluster cluster(s, all_checkers(), [&](Nanoseconds now, const Envelope& e) {
        lines.push_back(std::to_string(now) + " ns  " + describe(e));
        if (lines.size() > last_messages) lines.pop_front();
    });
    const Outcome outcome = run(cluster);
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text + (outcome.violation ? outcome.violation->what() : "all is well") + "\n";
}

}  // namespace penstock::sim
