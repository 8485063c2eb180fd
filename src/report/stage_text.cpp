#include "report/stage_text.hpp"

#include "report/text.hpp"

#include <algorithm>
#include <cmath>

namespace penstock {

namespace {

constexpr Nanoseconds kTooShort = 200'000'000;  // to say where its time went
constexpr double kBusy = 0.5;                   // of a stage that holds others up: most of the time
constexpr double kAllCpus = 0.95;
constexpr double kWaits = 0.1;  // waiting that is worth a word

double share(Nanoseconds part, Nanoseconds whole) {
    return whole <= 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

std::string percent(double part) { return std::to_string(std::lround(part * 100)) + " %"; }

double busy(const StageSummary& s) { return share(s.counts.busy, s.counts.alive); }
double blocked(const StageSummary& s) { return share(s.counts.blocked, s.counts.alive); }
double starved(const StageSummary& s) { return share(s.counts.starved, s.counts.alive); }

// Of one stream, the mean over its workers.
double lifetime_s(const StageSummary& s) {
    const double workers = static_cast<double>(s.workers) * static_cast<double>(s.streams);
    return static_cast<double>(s.counts.alive) * 1e-9 / std::max(1.0, workers);
}

std::string items_rate(const StageSummary& s) {
    const double seconds = lifetime_s(s);
    const std::uint64_t items = s.from.empty() ? s.counts.items_out : s.counts.items_in;
    if (seconds <= 0) return "-";
    return rate_text(static_cast<double>(items) / static_cast<double>(std::max<std::uint64_t>(1, s.streams)) / seconds);
}

// ------------------------------------------------------------------------------------------ the bottleneck

// Stages before it (whose items reach it), or behind it.
std::vector<bool> reached(std::span<const StageSummary> stages, std::size_t from, bool upstream) {
    std::vector<bool> found(stages.size(), false);
    std::vector<std::size_t> next{from};
    while (!next.empty()) {
        const std::size_t at = next.back();
        next.pop_back();
        for (std::size_t s = 0; s < stages.size(); ++s) {
            const auto& takes = upstream ? stages[at].from : stages[s].from;
            const std::string& name = upstream ? stages[s].stage : stages[at].stage;
            if (found[s] || std::find(takes.begin(), takes.end(), name) == takes.end()) continue;
            found[s] = true;
            next.push_back(s);
        }
    }
    return found;
}

// "urls waits 90 % of the time for room, titles 80 % for items": of each side the one that waits most.
std::string who_waits(std::span<const StageSummary> stages, std::size_t bottleneck) {
    std::string text;
    for (const bool upstream : {true, false}) {
        const std::vector<bool> side = reached(stages, bottleneck, upstream);
        const auto waits = [&](const StageSummary& s) { return upstream ? blocked(s) : starved(s); };
        const StageSummary* most = nullptr;
        for (std::size_t s = 0; s < stages.size(); ++s)
            if (side[s] && s != bottleneck && (most == nullptr || waits(stages[s]) > waits(*most))) most = &stages[s];
        if (most == nullptr || waits(*most) < kWaits) continue;
        text += (text.empty() ? "; meanwhile " : ", and ") + printable(most->stage) + " waited " +
                percent(waits(*most)) + (upstream ? " of its time for room behind it" : " of its time for items");
    }
    return text;
}

// Had items to work on (or to make), and room for what it made.
double engaged(const StageSummary& s) { return std::max(0.0, 1 - blocked(s) - starved(s)); }

std::string nobody_is_busy(std::span<const StageSummary> stages, const StageSummary& busiest) {
    const auto most = std::max_element(stages.begin(), stages.end(), [](const StageSummary& a, const StageSummary& b) {
        return engaged(a) < engaged(b);
    });
    const std::string nobody = "no stage was busy most of the time (most of all " + printable(busiest.stage) + ", " +
                               percent(busy(busiest)) + ")";
    if (engaged(*most) < kBusy) return nobody + ": more items at once, or larger ones, would help.";
    return nobody + ", but " + printable(most->stage) + " had something to do " + percent(engaged(*most)) +
           " of it: handing items to its workers took longer than the work. More CPUs, larger items, or "
           "`isolation: inline` would help.";
}

std::string what_would_help(const StageSummary& stage, bool cpus_are_busy) {
    // Busy is not always computing: workers that wait for something else hold no CPU.
    const std::string more =
        "More workers would help: `workers: " + std::to_string(stage.workers * 2) + "`" +
        (cpus_are_busy ? " (or more CPUs, if computing is what they do: all slots were busy)" : "");
    switch (stage.form) {
        case StageForm::fold:
            return "It is a fold: doing part of its work in a stage before it would help.";
        case StageForm::source:
            return more + ", if its worker shares its work.";
        default:
            return more + ".";
    }
}

}  // namespace

std::string stage_table(std::span<const StageSummary> stages, std::string_view indent) {
    using Align = TextTable::Align;
    struct Rare {
        const char* heading;
        std::uint64_t StageCounts::*count;
    };
    constexpr Rare kRare[] = {{"dropped", &StageCounts::dropped},
                              {"skipped", &StageCounts::skipped},
                              {"failed", &StageCounts::failed},
                              {"retried", &StageCounts::retried}};
    std::vector<TextTable::Column> columns{
        {"stage"}, {"workers", Align::right}, {"items in", Align::right}, {"items out", Align::right}};
    std::vector<Rare> shown;
    for (const Rare& rare : kRare)
        if (std::any_of(stages.begin(), stages.end(), [&](const StageSummary& s) { return s.counts.*rare.count != 0; }))
            shown.push_back(rare);
    for (const Rare& rare : shown) columns.push_back({rare.heading, Align::right});
    for (const char* heading : {"items/s", "busy", "blocked", "starved"}) columns.push_back({heading, Align::right});
    const bool several = by_pipeline(stages).size() > 1;
    TextTable table(std::move(columns));
    for (const StageSummary& s : stages) {
        std::vector<std::string> cells{printable(several ? s.pipeline + "/" + s.stage : s.stage), count_text(s.workers),
                                       s.from.empty() ? "-" : count_text(s.counts.items_in),
                                       count_text(s.counts.items_out)};
        for (const Rare& rare : shown) cells.push_back(count_text(s.counts.*rare.count));
        cells.push_back(items_rate(s));
        const bool lived = s.counts.alive > 0;
        for (const double part : {busy(s), blocked(s), starved(s)}) cells.push_back(lived ? percent(part) : "-");
        table.add(std::move(cells));
    }
    return table.empty() ? "" : table.render(indent);
}

std::optional<std::string> bottleneck_text(std::span<const StageSummary> stages, std::uint64_t slots) {
    if (stages.empty()) return std::nullopt;
    const auto longest = [](Nanoseconds most, const StageSummary& s) {
        return std::max(most, static_cast<Nanoseconds>(lifetime_s(s) * 1e9));
    };
    Nanoseconds alive = 0, work = 0;
    for (const StageSummary& s : stages) {
        alive = longest(alive, s);
        work += s.counts.busy / static_cast<Nanoseconds>(std::max<std::uint64_t>(1, s.streams));
    }
    if (alive < kTooShort) return std::nullopt;
    std::size_t busiest = 0;
    const StageSummary* stored = nullptr;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (busy(stages[i]) > busy(stages[busiest])) busiest = i;
        if (stages[i].storing > 0 && (stored == nullptr || stages[i].storing > stored->storing)) stored = &stages[i];
    }
    const StageSummary& s = stages[busiest];
    if (stored != nullptr && lifetime_s(*stored) > 0) {
        const double storing = static_cast<double>(stored->storing) * 1e-9 /
                               static_cast<double>(std::max<std::uint64_t>(1, stored->streams)) / lifetime_s(*stored);
        if (storing > kBusy && storing > busy(s))
            return "bottleneck: storing the results of " + printable(stored->stage) + ", which had no room for " +
                   percent(std::min(1.0, storing)) +
                   " of the time. Fewer or smaller results (`save: none`), or a faster disk would help.";
    }
    if (busy(s) < kBusy) return nobody_is_busy(stages, s);
    const std::string who =
        s.workers == 1 ? "its worker was busy " : "its " + count_text(s.workers) + " workers were busy ";
    const bool cpus_are_busy =
        slots != 0 && static_cast<double>(work) >= kAllCpus * static_cast<double>(slots) * static_cast<double>(alive);
    return "bottleneck: " + printable(s.stage) + ": " + who + percent(busy(s)) + " of the time" +
           who_waits(stages, busiest) + ". " + what_would_help(s, cpus_are_busy);
}

std::vector<std::span<const StageSummary>> by_pipeline(std::span<const StageSummary> stages) {
    std::vector<std::span<const StageSummary>> parts;
    for (std::size_t i = 0; i < stages.size();) {
        std::size_t end = i + 1;
        while (end < stages.size() && stages[end].pipeline == stages[i].pipeline) ++end;
        parts.push_back(stages.subspan(i, end - i));
        i = end;
    }
    return parts;
}

}  // namespace penstock
