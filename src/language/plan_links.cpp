// The second step: who waits for whom, as it is written. And the third: in which order, if there is one.
#include "language/plan_draft.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace penstock {

namespace {

class Linker {
public:
    explicit Linker(Draft& draft) : draft_(draft) {}

    bool link() {
        draft_.input_sources.resize(draft_.definition.jobs.size());
        draft_.follows_unknown.assign(draft_.definition.jobs.size(), 0);
        for (std::uint32_t i = 0; i < draft_.definition.jobs.size() && !refused_; ++i) {
            const JobDefinition& job = draft_.job(i);
            for (const AfterDefinition& after : job.after)
                for (std::uint32_t other : jobs(after.job, after.place, i))
                    add({other, i, after.place, after.when, false, false});
            for (const InputDefinition& input : job.inputs) link_input(i, input);
        }
        for (const GraphEdge& edge : draft_.definition.edges)
            add({edge.from, edge.to, edge.place, When::succeeded, false, false});
        return !refused_;
    }

private:
    void link_input(std::uint32_t consumer, const InputDefinition& input) {
        std::vector<Draft::InputSource> from;
        std::set<std::pair<std::uint32_t, std::string_view>> seen;  // an output that is meant twice is read once
        for (std::uint32_t r = 0; r < input.from.size(); ++r) {
            const InputDefinition::Reference& reference = input.from[r];
            for (std::uint32_t other : jobs(reference.job, reference.place, consumer)) {
                if (!seen.emplace(other, reference.key).second) continue;
                from.push_back({other, r});
                add({other, consumer, reference.place, input.missing == Missing::fail ? When::succeeded : When::ended,
                     true, false});
            }
            if (refused_) from.clear();
        }
        draft_.input_sources[consumer].push_back(std::move(from));
    }

    void add(Link link) {
        if (draft_.links.size() < draft_.reading.limits.links_per_plan) {
            draft_.links.push_back(link);
        } else if (!refused_) {
            draft_.reading.error(
                link.place, "the definition has too many dependencies",
                "its jobs may be linked " + std::to_string(draft_.reading.limits.links_per_plan) + " times",
                "use a for-each, or a job in between that waits for many and lets many wait for it");
            refused_ = true;
        }
    }

    // What a name or wildcard stands for. A wildcard never means the job it is written in.
    std::vector<std::uint32_t> jobs(std::string_view name, Place place, std::uint32_t own) {
        if (!is_wildcard(name)) {
            const std::uint32_t found = draft_.names.find(name);
            if (found != JobNames::kNone) return {found};
            unknown(name, place);
            draft_.follows_unknown[own] = 1;
            return {};
        }
        if (refused_) return {};
        std::vector<std::uint32_t> found = draft_.names.matching(name);
        std::erase(found, own);
        if (draft_.names.compared() > draft_.reading.limits.wildcard_matches) {
            draft_.reading.error(place, "the wildcards of this definition match too much",
                                 "more than " + std::to_string(draft_.reading.limits.wildcard_matches) +
                                     " names would have to be compared",
                                 "use fewer wildcards, or begin them with more of the name");
            refused_ = true;
        } else if (found.empty()) {
            draft_.follows_unknown[own] = 1;
            draft_.reading.error(place, "no job matches " + quote(name), "`*` stands for any characters, `?` for one");
        }
        return found;
    }

    void unknown(std::string_view name, Place place) const {
        if (!draft_.reading.diagnostics.wants_suggestions())
            return draft_.reading.error(place, "there is no job " + quote(name));
        std::string suggestion = draft_.reading.suggest(name, draft_.names.all());
        // `after: left.words`: an output, where a job is asked for.
        const auto reference = split_reference(name);
        if (suggestion.empty() && reference && draft_.names.find(reference->job) != JobNames::kNone)
            suggestion = "`after` takes jobs: write " + quote(reference->job);
        if (suggestion.empty()) suggestion = "the jobs are " + enumerate(draft_.names.all());
        draft_.reading.error(place, "there is no job " + quote(name), "", suggestion);
    }

    Draft& draft_;
    bool refused_ = false;
};

// "`a` waits for `c` (line 4)"
std::string waits_for(const Draft& draft, const Link& link, bool whole) {
    std::string text =
        draft.name_text(link.consumer) + (whole ? " waits for " : " for ") + draft.name_text(link.producer);
    const LineAndColumn at = draft.reading.source.position(link.place);
    if (at.line > 0) text += " (line " + std::to_string(at.line) + ")";
    return text;
}

void report_circle(const Draft& draft, const std::vector<std::uint32_t>& circle) {
    constexpr std::size_t kShown = 12;
    const auto link_of = [&](std::uint32_t producer, std::uint32_t consumer) {
        return *std::find_if(draft.links.begin(), draft.links.end(),
                             [&](const Link& link) { return link.producer == producer && link.consumer == consumer; });
    };
    const Link closing = link_of(circle.back(), circle.front());
    if (circle.size() == 1)
        return draft.reading.error(closing.place, job_text(draft.job(circle[0]).name) + " depends on itself",
                                   "it would wait for its own end", "remove this dependency");
    std::string path, reason = waits_for(draft, closing, true);
    for (std::size_t i = 0; i < circle.size(); ++i) {
        if (i < kShown)
            path += std::string(draft.job(circle[i]).name) + " -> ";
        else if (i == kShown)
            path += "(" + std::to_string(circle.size() - kShown) + " more) -> ";
        if (i + 1 < std::min(circle.size(), kShown)) {
            const std::size_t at = circle.size() - 1 - i;
            reason += ", " + waits_for(draft, link_of(circle[at - 1], circle[at]), false);
        }
    }
    path += draft.job(circle[0]).name;
    draft.reading.error(closing.place, "the jobs wait for one another in a circle: " + path,
                        reason + ", so none of them could start", "remove one of these dependencies");
}

}  // namespace

bool draft_links(Draft& draft) { return Linker(draft).link(); }

void draft_order(Draft& draft, const Dag& dag) {
    // Looking for its links takes as long as there are links: enough for what is shown.
    for (const std::vector<std::uint32_t>& circle : dag.circles()) {
        if (!draft.reading.diagnostics.wants_suggestions()) {
            draft.reading.error(draft.job(circle.front()).place, "the jobs wait for one another in a circle: " +
                                                                     std::string(draft.job(circle.front()).name) +
                                                                     " is in it");
            continue;
        }
        report_circle(draft, circle);
    }
}

}  // namespace penstock
