#include "sim/scenario.hpp"

#include "sim/random_plan.hpp"
#include "sim/random_stream_plans.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace penstock::sim {

namespace {

void lay_out_cluster(Scenario& s, Random& random) {
    s.ranks = random.chance(0.1) ? 1 : random.chance(0.1) ? 2 : random.between(3, random.chance(0.2) ? 14 : 6);
    std::uint32_t first_broker = s.ranks - 1;
    if (s.ranks <= 2) {
        s.pipeliners = {0};
    } else {
        const std::uint32_t p = random.between(1, std::min(3u, s.ranks - 2));
        for (std::uint32_t rank = 1; rank <= p; ++rank) s.pipeliners.push_back(rank);
        first_broker = p + 1;
    }
    const std::uint32_t hosts = random.between(1, std::min(3u, s.ranks - first_broker));
    for (std::uint32_t h = 0; h < hosts; ++h) s.hosts.push_back({"host" + std::to_string(h), 0, 0});
    for (std::uint32_t rank = first_broker; rank < s.ranks; ++rank) {
        const std::uint32_t n = static_cast<std::uint32_t>(s.brokers.size());
        const std::uint32_t host = n < hosts ? n : random.below(hosts);  // no host without a broker
        s.brokers.push_back({rank, host, random.between(1, 4)});
        s.hosts[host].cpus += s.brokers.back().slots;
    }
    for (HostDescription& h : s.hosts) {
        h.cpus += random.chance(0.3) ? random.below(3) : 0;
        h.memory_bytes = random.chance(0.5) ? 1000 : 0;
    }
    if (random.chance(0.3)) s.named["licence"] = random.between(1, 4);
}

void choose_signals(Scenario& s, Random& random) {
    s.drain_at = random.time(1000, 2'000'000'000);
    if (random.chance(0.5)) s.end_now_at = *s.drain_at + random.time(1000, 500'000'000);
}

void forget_signals(Scenario& s) { s.drain_at = s.end_now_at = std::nullopt; }

void choose_behaviour(Scenario& s, Random& random) {
    s.failing = random.chance(0.4) ? 0 : random.chance(0.5) ? 0.02 : 0.4;
    s.crashing = random.chance(0.5) ? 0.5 : 0;
    s.crash_limit = random.between(1, 4);
    s.retry_delay = random.chance(0.2) ? 0 : random.time(1000, 2'000'000'000);
    s.refusing = random.chance(0.1) ? 0.1 : 0;
    if (random.chance(0.3)) s.longest_job = 10'000;  // short jobs only
    if (random.chance(0.2)) s.shortest_job = 10'000'000;
    s.longest_delay = random.chance(0.5) ? 20'000 : 5'000'000;
    if (random.chance(0.3)) s.longest_sync = 1'000'000;
    if (random.chance(0.2)) s.writer_limit = random.between(1, 50);
    if (random.chance(0.3)) s.claimed = random.between(1, 8);
    s.fail_fast = random.chance(0.05);
    if (random.chance(0.7)) s.idle_plans = random.below(3);
    if (random.chance(0.2)) s.idle_plan_jobs = random.below(60);
    if (random.chance(0.1)) choose_signals(s, random);
    if (random.chance(0.04)) s.store_fails_at = random.time(1000, 2'000'000'000);
}

void plan_submissions(Scenario& s, Random& random) {
    const bool reserved = random.chance(0.4);
    const std::uint32_t plans = random.between(1, 3);
    for (std::uint32_t i = 0; i < plans; ++i) {
        const PlanLimits limits{reserved, s.hosts, s.named, random.chance(0.15) ? 600u : 40u};
        s.plans.push_back(random_plan(limits, random));
    }
    const std::uint32_t submissions = random.chance(0.05) ? 0 : random.between(1, random.chance(0.2) ? 20 : 4);
    for (std::uint32_t i = 0; i < submissions; ++i) {
        Submission submission;
        submission.plan = random.below(plans);
        if (random.chance(0.4)) submission.at = random.time(1000, 500'000'000);
        submission.after_previous = random.chance(0.1);
        s.submissions.push_back(submission);
        s.jobs += s.plans[submission.plan]->job_count;
    }
    for (const auto& plan : s.plans)
        for (const JobTemplate& t : plan->templates) s.only_simple = s.only_simple && t.resources.simple();
}

void choose_disturbances(Scenario& s, Random& random) {
    if (random.chance(0.35))  // at once, or when some of it is durable
        s.killed_at = random.chance(0.4) ? random.time(1000, 2'000'000'000)
                                         : 20'000'000 + static_cast<Nanoseconds>(random.real() * 2e9);
    if (random.chance(0.25))
        for (std::uint32_t count = random.between(1, 3); count != 0; --count)
            s.stops.push_back(
                {random.below(s.ranks), random.time(1000, 1'000'000'000), random.time(1'000'000, 10'000'000'000)});
}

// Jobs say how long they may take at most, some of them; all succeed, so that one that is ended changes nothing else.
void choose_end(Scenario& s, Random& random) {
    s.ends_at = random.time(1'000'000, 20'000'000'000);
    s.fail_fast = false;
    s.failing = 0;
    forget_signals(s);
    s.store_fails_at.reset();
    s.killed_at.reset();
    s.stops.clear();
    for (auto& shared : s.plans) {
        auto plan = std::make_shared<Plan>(*shared);
        for (JobTemplate& t : plan->templates)
            if (random.chance(0.7)) t.timeout_s = static_cast<double>(s.longest_job) * 1e-9 * (1 + 3 * random.real());
        shared = std::move(plan);
    }
}

// Job lengths for which it is easily told how many may queue, and few pipelines at a time.
void choose_bounds(Scenario& s, Random random) {
    if (random.chance(0.1)) {
        s.shortest_job = 300'000'000;
        s.longest_job = 2'000'000'000;
    } else if (random.chance(0.1) && !s.ends_at) {
        s.shortest_job = s.longest_job = random.time(10'000, 200'000'000);
    }
    if (random.chance(0.2)) s.active_pipelines = random.between(1, 3);
}

// The end comes when much has run, and finds jobs of very different lengths, and perhaps some that pause.
void choose_late_end(Scenario& s, Random random) {
    if (random.chance(0.2)) return;
    s.ends_at = 2'000'000'000 + static_cast<Nanoseconds>(random.real() * 10e9);
    s.uneven = true;
    s.longest_job = random.time(200'000'000, 4'000'000'000);
    s.shortest_job = s.longest_job / 2;
    s.failing = random.chance(0.4) ? 0.4 : 0;
    s.retry_delay = random.time(200'000'000, 3'000'000'000);
    for (auto& shared : s.plans) {
        auto plan = std::make_shared<Plan>(*shared);
        for (std::uint32_t t = 0; t < plan->templates.size(); ++t) {
            const double own = static_cast<double>(s.longest_job) * 1e-9 / shortened_by(s, t);
            const double all = static_cast<double>(*s.ends_at) * 1e-9;
            plan->templates[t].timeout_s = random.chance(0.4)   ? 0
                                           : random.chance(0.5) ? own * (1 + 3 * random.real())
                                                                : all * 1.5 * random.real();
        }
        shared = std::move(plan);
    }
}

// For-eachs of small jobs that would keep all hosts busy for long, beside some that need most of a host.
void choose_crowd(Scenario& s, Random random) {
    std::uint32_t slots = 0, widest = 0;
    bool memory = true;
    for (const BrokerDescription& b : s.brokers) slots += b.slots;
    for (const HostDescription& h : s.hosts) {
        widest = std::max(widest, h.cpus);
        memory = memory && h.memory_bytes != 0;
    }
    if (widest < 2) return;
    s.crowded = true;
    s.only_simple = false;
    s.longest_job = s.shortest_job = 50'000'000 + static_cast<Nanoseconds>(random.real() * 50e6);
    s.longest_delay = 100'000;
    s.failing = 0;
    s.fail_fast = false;
    s.writer_limit = 0xffffffff;
    s.claimed = 1;
    forget_signals(s);
    s.store_fails_at.reset();
    s.killed_at.reset();
    s.stops.clear();
    auto plan = std::make_shared<Plan>();
    const auto add = [&](std::uint32_t count, const Resources& needs) {
        JobTemplate& t = plan->templates.emplace_back();
        t.name = "t" + std::to_string(plan->templates.size());
        t.worker = "worker";
        t.first_job = JobIndex(plan->job_count);
        t.count = count;
        t.resources = needs;
        plan->job_count += count;
    };
    plan->name = "crowd";
    add(1, {});
    add(30 * slots, {});
    if (memory && random.chance(0.7)) add(10 * slots, {1, random.between(200, 400), {}});
    const std::uint32_t small = static_cast<std::uint32_t>(plan->templates.size());
    for (std::uint32_t wide = random.between(1, 2); wide != 0; --wide)
        add(random.between(1, 2), {random.between(2, widest), memory ? random.below(1001) : 0, {}});
    // They come when the others are there.
    for (std::uint32_t t = small; t < plan->templates.size(); ++t)
        plan->edges.push_back({TemplateIndex(0), TemplateIndex(t)});
    s.plans = {plan};
    s.submissions = {{}};
    s.jobs = plan->job_count;
}

// Large ones travel in parts; small caches put them into files.
void choose_values(Scenario& s, Random random) {
    if (s.jobs < 100 && random.chance(0.05)) s.output_bytes = 90'000;
    if (s.jobs < 100 && random.chance(0.05)) s.cache_bytes = random.between(1, 5000);
}

}  // namespace

std::uint32_t shortened_by(const Scenario& s, std::uint32_t t) {
    return s.uneven ? 1u << 2 * (mix(s.seed ^ mix(t)) % 4) : 1;
}

Scenario next_launch(const Scenario& before) {
    Scenario s = before;
    Random random(mix(before.seed) + ++s.launch);
    if (s.only_simple && s.named.empty()) {
        s.pipeliners.clear();
        s.brokers.clear();
        s.hosts.clear();
        lay_out_cluster(s, random);
        s.named.clear();
    }
    s.fail_fast = false;
    forget_signals(s);
    s.store_fails_at.reset();
    s.ends_at.reset();
    s.killed_at.reset();
    s.stops.clear();
    if (s.launch < kMostLaunches) choose_disturbances(s, random);
    return s;
}

Scenario undisturbed_launch(const Scenario& before) {
    Scenario s = before;
    s.launch = kMostLaunches - 1;
    s = next_launch(s);
    for (Death& death : s.deaths)
        death.at = std::numeric_limits<Nanoseconds>::max() / 2;  // none, with the fates they go with
    return s;
}

namespace {

Scenario scenario_of(std::uint64_t seed, bool streams_fail) {
    Random random(seed);
    Scenario s;
    s.seed = seed;
    lay_out_cluster(s, random);
    choose_behaviour(s, random);
    plan_submissions(s, random);
    choose_disturbances(s, random);
    if (random.chance(0.1)) choose_end(s, random);
    choose_values(s, Random(seed ^ 0xda7a));
    choose_bounds(s, Random(seed ^ 0xb0));
    if (s.ends_at) choose_late_end(s, Random(seed ^ 0xe4d));
    if (Random crowd(seed ^ 0xc40d); !s.ends_at && crowd.chance(0.04)) choose_crowd(s, crowd);
    // What could not be stored has failed for those that look later, and was a success for those that have looked.
    if (s.killed_at || s.may_end_early()) s.refusing = 0;
    add_streams(s, Random(seed ^ 0x57ea), streams_fail && !s.killed_at);
    return s;
}

}  // namespace

Scenario random_scenario(std::uint64_t seed) { return scenario_of(seed, true); }

namespace {

// At first, when most happens, or when much has been done: every power of two as likely as the next.
Nanoseconds time_of_death(Random& random) {
    if (random.chance(0.5)) return random.time(1000, 5'000'000'000);
    return static_cast<Nanoseconds>(std::exp2(10 + 22 * random.real()));
}

// At least one broker is left, and perhaps no pipeliner.
void choose_deaths(Scenario& s, Random& random) {
    std::vector<std::uint32_t> ranks;
    for (const BrokerDescription& b : s.brokers)
        if (b.rank != 0) ranks.push_back(b.rank);
    const std::size_t most = ranks.size() == s.brokers.size() ? ranks.size() - 1 : ranks.size();
    for (std::size_t i = ranks.size(); i > 1; --i) std::swap(ranks[i - 1], ranks[random.below(i)]);
    ranks.resize(std::min<std::size_t>(most, 1 + random.below(3)));
    for (const std::uint32_t rank : s.pipeliners)
        if (rank != 0 && random.chance(0.3)) ranks.push_back(rank);
    for (const std::uint32_t rank : ranks) {
        Death death{rank, time_of_death(random), random.time(1000, 2'000'000'000), 0};
        if (random.chance(0.3)) death.back_after = death.noticed_after + random.time(1000, 2'000'000'000);
        s.deaths.push_back(death);
    }
    // Or they share what has failed: the others follow the first, while it is recovered from.
    if (!Random(s.seed ^ 0x7079).chance(0.3)) return;
    for (std::size_t i = 1; i < s.deaths.size(); ++i) {
        s.deaths[i].at = s.deaths[i - 1].at + random.time(1, 100'000'000);
        s.deaths[i].noticed_after = s.deaths[i - 1].noticed_after;
    }
}

}  // namespace

Scenario random_losses(std::uint64_t seed) {
    for (std::uint64_t i = 0;; ++i) {
        Scenario s = scenario_of(seed + i * 0x9e3779b97f4a7c15, false);
        if (s.ranks < 3 || s.brokers.size() < 2) continue;
        forget_signals(s);
        s.store_fails_at = s.killed_at = s.ends_at = std::nullopt;
        s.fail_fast = false;
        s.refusing = 0;
        s.crash_limit = 1000;
        s.stops.clear();
        Random random(seed ^ 0xdead);
        if (random.chance(0.2)) choose_signals(s, random);
        choose_deaths(s, random);
        if (random.chance(0.3)) s.crash_limit = random.between(1, 3);
        return s;
    }
}

AttemptFate fate_of_attempt(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job,
                            std::uint32_t attempt) {
    if (!s.deaths.empty()) attempt = 1;  // what is made again must come to the same end
    const std::uint64_t t = plan.template_of(JobIndex(job)).value;
    if (mix(s.seed ^ mix(pipeline.value) ^ mix(t << 32)) % 2 == 0) return {};  // this template cannot fail
    const std::uint64_t of_job = mix(s.seed + mix(pipeline.value + mix(job)));
    const std::uint64_t of_attempt = mix(of_job + attempt);
    const auto chance = [](std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; };
    const bool failing = attempt == 1 ? chance(of_job) < s.failing : chance(of_attempt) < 0.6;
    return {failing, failing && chance(mix(of_attempt)) < s.crashing};
}

bool is_last_attempt(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job, std::uint32_t attempt,
                     std::uint32_t before) {
    if (attempt - before > plan.templates[plan.template_of(JobIndex(job)).value].retries) return true;
    std::uint32_t crashes = 0;
    while (crashes < attempt - before && fate_of_attempt(s, plan, pipeline, job, attempt - crashes).crashes) ++crashes;
    return crashes >= s.crash_limit;
}

bool fails(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job, std::uint32_t before) {
    for (std::uint32_t attempt = before + 1;; ++attempt) {
        if (!fate_of_attempt(s, plan, pipeline, job, attempt).fails) return false;
        if (is_last_attempt(s, plan, pipeline, job, attempt, before)) return true;
    }
}

}  // namespace penstock::sim
