#include "sim/simulate.hpp"

#include "sim/checkers/after_losses.hpp"
#include "sim/checkers/as_modelled.hpp"
#include "sim/checkers/attempts.hpp"
#include "sim/checkers/books_balance.hpp"
#include "sim/checkers/drained.hpp"
#include "sim/checkers/exactly_once.hpp"
#include "sim/checkers/few_at_once.hpp"
#include "sim/checkers/highest_first.hpp"
#include "sim/checkers/in_time.hpp"
#include "sim/checkers/kept_for_good.hpp"
#include "sim/checkers/no_idle_slot.hpp"
#include "sim/checkers/one_final_row.hpp"
#include "sim/checkers/over_when_durable.hpp"
#include "sim/checkers/parents_first.hpp"
#include "sim/checkers/plans_forgotten.hpp"
#include "sim/checkers/resources.hpp"
#include "sim/checkers/short_queues.hpp"
#include "sim/checkers/stream_counts.hpp"
#include "sim/checkers/stream_credit.hpp"
#include "sim/checkers/stream_items.hpp"
#include "sim/checkers/stream_positions.hpp"
#include "sim/checkers/stream_room.hpp"
#include "sim/checkers/streams_end.hpp"
#include "sim/checkers/streams_placed.hpp"
#include "sim/checkers/streams_start.hpp"
#include "sim/checkers/time_left.hpp"
#include "sim/checkers/values.hpp"
#include "sim/checkers/wide_jobs_start.hpp"
#include "sim/cluster.hpp"

#include <deque>

namespace penstock::sim {

namespace {

using Checkers = std::vector<std::unique_ptr<Checker>>;

void add_checkers_of_streams(Checkers& all) {
    all.push_back(std::make_unique<StreamsPlaced>());
    all.push_back(std::make_unique<StreamsStart>());
    all.push_back(std::make_unique<StreamCredit>());
    all.push_back(std::make_unique<StreamRoom>());
    all.push_back(std::make_unique<StreamPositionsHold>());
    all.push_back(std::make_unique<StreamItemsAreAsModelled>());
    all.push_back(std::make_unique<StreamCountsAreRight>());
    all.push_back(std::make_unique<StreamsEnd>());
}

// `kept`: what was told durable in this and earlier launches.
Checkers all_checkers(const std::shared_ptr<KeptForGood::Known>& kept) {
    Checkers all;
    all.push_back(std::make_unique<KeptForGood>(kept));
    all.push_back(std::make_unique<Attempts>());
    all.push_back(std::make_unique<ExactlyOnce>());
    all.push_back(std::make_unique<InTime>());
    all.push_back(std::make_unique<TimeLeft>());
    all.push_back(std::make_unique<ParentsFirst>());
    all.push_back(std::make_unique<ResourcesHold>());
    all.push_back(std::make_unique<Values>());
    all.push_back(std::make_unique<OverWhenDurable>());
    all.push_back(std::make_unique<NoIdleSlot>());
    all.push_back(std::make_unique<HighestFirst>());
    all.push_back(std::make_unique<ShortQueues>());
    all.push_back(std::make_unique<WideJobsStart>());
    all.push_back(std::make_unique<Drained>());
    all.push_back(std::make_unique<AsModelled>());
    all.push_back(std::make_unique<BooksBalance>());
    all.push_back(std::make_unique<PlansForgotten>());
    all.push_back(std::make_unique<FewAtOnce>());
    all.push_back(std::make_unique<OneFinalRow>());
    add_checkers_of_streams(all);
    return all;
}

// Launch after launch until nothing is left to do.
Outcome run(const Scenario& first, const Cluster::Transcript& transcript) {
    Outcome outcome;
    Disk disk;
    if (first.fault == Fault::count_zombies) disk.ignore_fences();
    const auto kept = std::make_shared<KeptForGood::Known>();
    for (Scenario s = first;; s = next_launch(s)) {
        disk.fence(s.launch);
        Cluster cluster(s, disk, all_checkers(kept), transcript);
        bool ended = false;
        try {
            ended = cluster.run();
        } catch (const Violation& v) {
            outcome.violation = v;
        }
        ++outcome.launches;
        outcome.jobs += cluster.router().router().counts().ended() - cluster.router().router().counts().kept;
        outcome.messages += cluster.messages();
        if (outcome.violation || (ended && !s.may_end_early())) return outcome;
    }
}

}  // namespace

Outcome simulate(const Scenario& s) { return run(s, {}); }

// When a signal ended the launch, one more to the end, in which nobody is lost.
Outcome simulate_losses(const Scenario& first, const Cluster::Transcript& transcript) {
    Outcome outcome;
    Disk disk;
    for (Scenario s = first;; s = undisturbed_launch(s)) {
        disk.fence(s.launch);
        Checkers checkers;
        checkers.push_back(std::make_unique<AfterLosses>());
        add_checkers_of_streams(checkers);
        Cluster cluster(s, disk, std::move(checkers), transcript);
        try {
            cluster.run();
        } catch (const Violation& v) {
            outcome.violation = v;
        }
        ++outcome.launches;
        outcome.jobs += cluster.router().router().counts().ended() - cluster.router().router().counts().kept;
        outcome.messages += cluster.messages();
        if (outcome.violation || !s.may_end_early()) return outcome;
    }
}

std::string transcript_of(const Scenario& s, std::size_t last_messages) {
    std::deque<std::string> lines;
    const Outcome outcome = run(s, [&](Nanoseconds now, const Envelope& e) {
        lines.push_back(std::to_string(now) + " ns  " + describe(e));
        if (lines.size() > last_messages) lines.pop_front();
    });
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text + "launch " + std::to_string(outcome.launches) + ": " +
           (outcome.violation ? outcome.violation->what() : "all is well") + "\n";
}

}  // namespace penstock::sim
