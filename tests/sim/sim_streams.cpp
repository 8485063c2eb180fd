#include "sim/sim_streams.hpp"

#include "sim/random_streams.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace penstock::sim {

namespace {

std::map<std::string, test::StageScript> scripts_of(const Scenario& s) {
    std::map<std::string, test::StageScript> all;
    for (const auto& [name, tree] : s.streams) all.insert(tree->scripts.begin(), tree->scripts.end());
    return all;
}

std::uint64_t own_seed(const World& world, std::uint32_t rank) {
    return mix(world.scenario().seed ^ mix(rank + (std::uint64_t{world.scenario().launch} << 32)));
}

}  // namespace

SimStreams::SimStreams(World& world, std::uint32_t rank, SimWriter& writer, std::function<void()> wake)
    : StageScripts(scripts_of(world.scenario()), Random(own_seed(world, rank))),
      world_(world),
      rank_(rank),
      writer_(writer),
      wake_(std::move(wake)),
      random_(own_seed(world, rank) + 1),
      node_(rank, *this, std::filesystem::temp_directory_path(), [this] { return world_.now(); }) {
    // Where some item is skipped when its worker fails, a death would leave out others.
    bool any = false;
    for (const auto& [name, tree] : world.scenario().streams) {
        dies_working = any ? std::min(dies_working, tree->dies) : tree->dies;
        any = true;
    }
    dies_idle = dies_working;
}

void SimStreams::turn(Outbox& out, std::vector<penstock::Outcome>& ended) {
    for (penstock::Outcome& outcome : std::exchange(outcomes_, {})) node_.take(outcome);
    if (node_.work(out, ended)) wake_();
    look_now_and_then();
}

// As a pump does: marks and counts are told by the clock.
void SimStreams::look_now_and_then() {
    if (will_look_ || node_.streams() == 0) return;
    will_look_ = true;
    world_.after(100'000'000, [this] {
        will_look_ = false;
        if (!killed_) wake_();
    });
}

// ------------------------------------------------------------------------------------------ lanes

void SimStreams::run(std::uint32_t lane, Ticket ticket) {
    Lane& l = lanes_[lane];
    l.tickets.push_back(std::move(ticket));
    if (!l.busy) begin(lane);
}

// Some stages take a thousand times as long for an item as others, and for some until they are ended.
void SimStreams::begin(std::uint32_t lane) {
    Lane& l = lanes_[lane];
    l.busy = true;
    const Ticket& ticket = l.tickets.front();
    const StageRequest request = stage_request(Document(*ticket.batch));
    if (hangs(ticket, request)) return;
    const Scenario& s = world_.scenario();
    const std::uint64_t of_stage = mix(s.seed ^ std::hash<std::string>()(ticket.job->name));
    const bool slow = (s.end_now_at || s.ends_at) && of_stage % 7 == 0;  // does not end by itself soon enough
    const Nanoseconds each = slow ? 150'000'000 : 1000 << 2 * (of_stage % 6);
    const Nanoseconds time = random_.between(1, 20'000) + static_cast<Nanoseconds>(request.items.count()) * each;
    world_.after(time, [this, lane, run = ++l.run, started = world_.now()] { finish(lane, run, started); });
}

void SimStreams::finish(std::uint32_t lane, std::uint64_t run, Nanoseconds started) {
    Lane& l = lanes_[lane];
    if (killed_ || !l.busy || l.run != run) return;
    const Ticket ticket = std::move(l.tickets.front());
    l.tickets.pop_front();
    l.busy = false;
    penstock::Outcome outcome = worked(ticket);
    const JobIndex job(ticket.job->first_job.value + ticket.instance);
    world_.tell([&](Checker& c) { c.answered(ticket.pipeline->info.id, job, items_made, rank_); });
    outcome.started = started;
    outcome.finished = world_.now();
    come(std::move(outcome));
    if (!l.tickets.empty()) begin(lane);
}

void SimStreams::cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) {
    Lane& l = lanes_[lane];
    const auto at = std::find_if(l.tickets.begin(), l.tickets.end(), [&](const Ticket& t) { return t.id == ticket; });
    if (at == l.tickets.end()) return;
    if (at == l.tickets.begin() && l.busy) {
        ++l.run;
        l.busy = false;
    }
    l.tickets.erase(at);
    world_.after(random_.between(1000, 20'000'000), [this, lane, ticket, reason] {
        if (killed_) return;
        come(test::failed_outcome(ticket, reason, "cancelled"));
        Lane& same = lanes_[lane];
        if (!same.busy && !same.tickets.empty()) begin(lane);
    });
}

void SimStreams::come(penstock::Outcome outcome) {
    outcomes_.push_back(std::move(outcome));
    wake_();
}

// ------------------------------------------------------------------------------------------ results

void SimStreams::store(const std::shared_ptr<const PipelineContext>& pipeline, const JobTemplate& stage,
                       std::uint32_t attempt, std::uint64_t first, StreamItems items) {
    Disk::Items stored{pipeline->info.id, stage.name, 0, attempt, first, test::decoded(items)};
    world_.tell([&](Checker& c) { c.stored(stored, rank_); });
    writer_.add(std::move(stored));
}

}  // namespace penstock::sim
