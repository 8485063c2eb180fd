#include "sim/random_plan.hpp"

#include <algorithm>
#include <numeric>

namespace penstock::sim {

namespace {

class Maker {
public:
    Maker(const PlanLimits& limits, Random& random) : limits_(limits), random_(random) {}

    std::shared_ptr<const Plan> make() {
        plan_->name = "random";
        std::uint32_t templates = random_.chance(0.02) ? 0 : random_.between(1, random_.chance(0.2) ? 25 : 8);
        if (random_.chance(0.01)) templates = random_.between(250, 530);  // several blocks
        many_ = templates > 100;
        dense_ = random_.chance(0.2) && !many_;
        chain_ = random_.chance(0.25);
        prioritized_ = random_.chance(0.3);
        for (std::uint32_t t = 0; t < templates; ++t) add_template(t);
        number_jobs();
        shuffle_templates();
        std::sort(plan_->edges.begin(), plan_->edges.end(), [](const Edge& a, const Edge& b) {
            return std::pair(a.producer, a.consumer) < std::pair(b.producer, b.consumer);
        });
        for (const Edge& e : plan_->edges)
            if (e.carries_values) bind(e);
        if (random_.chance(0.7)) find_followers(*plan_);
        return plan_;
    }

private:
    JobTemplate& at(std::uint32_t t) { return plan_->templates[t]; }

    void add_template(std::uint32_t t) {
        plan_->templates.emplace_back();
        at(t).name = "t" + std::to_string(t);
        at(t).worker = "worker" + std::to_string(random_.below(3));
        at(t).count = random_.chance(many_ ? 0.95 : 0.5) ? 1
                      : random_.chance(0.05)
                          ? 0
                          : random_.between(1, random_.chance(0.5) || many_ ? 4 : limits_.most_instances);
        if (random_.chance(0.4)) at(t).retries = random_.between(1, 4);
        if (prioritized_) at(t).priority = static_cast<std::int32_t>(random_.below(3)) - 1;
        if (limits_.reserved && random_.chance(0.4)) at(t).resources = resources();
        for (std::uint32_t p = 0; p < t; ++p) {
            if (chain_ ? p + 1 == t && random_.chance(0.9) : random_.chance(dense_ ? 0.6 : 1.2 / t)) connect(p, t);
        }
    }

    Resources resources() {
        const HostLedger empty(limits_.hosts, limits_.named);
        for (int tries = 0; tries < 20; ++tries) {
            Resources r;
            r.cpus = random_.between(1, 6);
            if (random_.chance(0.4)) r.memory_bytes = random_.between(1, 1000);
            if (!limits_.named.empty() && random_.chance(0.4)) r.named["licence"] = random_.between(1, 4);
            if (!empty.impossible(r)) return r;
        }
        return {};
    }

    // The consumer is the newest template, so no cycle can come of it.
    void connect(std::uint32_t producer, std::uint32_t consumer) {
        Edge e{TemplateIndex(producer), TemplateIndex(consumer)};
        e.when = random_.chance(0.2) ? When::ended : When::succeeded;
        e.carries_values = random_.chance(0.5);
        if (at(producer).count > 1 || (at(producer).count == 0 && random_.chance(0.5))) {
            const bool sized = sized_.size() > consumer && sized_[consumer];
            if ((!sized || at(consumer).count == at(producer).count) && random_.chance(0.4)) {
                e.relation = Relation::twin;
                size(consumer, at(producer).count);
            } else if (!sized && at(producer).count != 0 && random_.chance(0.4)) {
                e.relation = Relation::group;
                e.grouping = static_cast<std::uint32_t>(plan_->groupings.size());
                plan_->groupings.push_back(grouping(at(producer).count));
                size(consumer, plan_->groupings.back().groups);
            }
        }
        plan_->edges.push_back(e);
    }

    void size(std::uint32_t t, std::uint32_t count) {
        at(t).count = count;
        sized_.resize(std::max<std::size_t>(sized_.size(), t + 1));
        sized_[t] = true;
    }

    Grouping grouping(std::uint32_t members) {
        Grouping g;
        g.groups = random_.between(1, members);
        for (std::uint32_t i = 0; i < members; ++i)
            g.consumer_of.push_back(i < g.groups ? i : random_.below(g.groups));  // no group is empty
        for (std::uint32_t i = members; i > 1; --i) std::swap(g.consumer_of[i - 1], g.consumer_of[random_.below(i)]);
        return g;
    }

    void number_jobs() {
        plan_->job_count = 0;
        for (JobTemplate& t : plan_->templates) {
            t.first_job = JobIndex(plan_->job_count);
            plan_->job_count += t.count;
        }
    }

    // Definition order need not be an order in which things can run.
    void shuffle_templates() {
        std::vector<std::uint32_t> place(plan_->templates.size());  // of each template
        std::iota(place.begin(), place.end(), 0u);
        for (std::uint32_t i = static_cast<std::uint32_t>(place.size()); i > 1; --i)
            std::swap(place[i - 1], place[random_.below(i)]);
        std::vector<JobTemplate> shuffled(place.size());
        for (std::uint32_t t = 0; t < place.size(); ++t) shuffled[place[t]] = std::move(at(t));
        plan_->templates = std::move(shuffled);
        for (Edge& e : plan_->edges) {
            e.producer = TemplateIndex(place[e.producer.value]);
            e.consumer = TemplateIndex(place[e.consumer.value]);
        }
        number_jobs();
    }

    // Some inputs are made of what several jobs make, perhaps under other names.
    void bind(const Edge& e) {
        at(e.producer.value).feeds_others = true;
        std::vector<Binding>& bindings = at(e.consumer.value).bindings;
        const std::string key = kOutputs[random_.below(std::size(kOutputs))];
        const Missing missing = e.when == When::succeeded ? Missing::fail
                                : random_.chance(0.5)     ? Missing::null
                                                          : Missing::drop;
        Binding::Producer producer{e.producer, e.relation, e.grouping};
        if (!bindings.empty() && bindings.back().list && bindings.back().missing == missing && random_.chance(0.5)) {
            Binding& b = bindings.back();
            if (key != b.source_key) {
                if (b.other_keys.empty()) b.other_keys.push_back(key);
                producer.other_key = 1;
            }
            b.producers.push_back(producer);
            return;
        }
        Binding b;
        b.key = at(e.producer.value).name;
        b.from = Binding::From::outputs;
        b.source_key = key;
        b.producers = {producer};
        b.list = e.relation != Relation::twin || random_.chance(0.2);
        b.missing = missing == Missing::drop && !b.list ? Missing::null : missing;
        bindings.push_back(std::move(b));
    }

    const PlanLimits& limits_;
    Random& random_;
    std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
    std::vector<bool> sized_;  // templates whose number of instances follows from an edge
    bool many_ = false, dense_ = false, chain_ = false, prioritized_ = false;
};

}  // namespace

std::shared_ptr<const Plan> random_plan(const PlanLimits& limits, Random& random) {
    return Maker(limits, random).make();
}

}  // namespace penstock::sim
