#include "core/stream_places.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace penstock {

namespace {

class Search {
public:
    Search(const Plan& plan, HostLedger& hosts, std::vector<std::optional<std::uint32_t>> running)
        : plan_(plan), hosts_(hosts), running_(std::move(running)), chosen_(plan.job_count, kAnyHost) {
        for (std::uint32_t t = 0; t < plan.templates.size(); ++t) {
            const JobTemplate& job = plan.templates[t];
            for (std::uint32_t i = 0; i < job.count && !needs_nothing(job.resources); ++i)
                jobs_.push_back({t, job.first_job.value + i});
        }
        std::stable_sort(jobs_.begin(), jobs_.end(), [&](const Job& a, const Job& b) {
            const Resources &one = needs(a), &other = needs(b);
            return std::tie(one.cpus, one.memory_bytes) > std::tie(other.cpus, other.memory_bytes);
        });
    }

    std::optional<std::vector<std::uint32_t>> run() {
        if (!place_all()) return std::nullopt;
        return std::move(chosen_);
    }

private:
    struct Job {
        std::uint32_t stage = 0;
        std::uint32_t index = 0;
    };
    const Resources& needs(const Job& job) const { return plan_.templates[job.stage].resources; }
    std::uint32_t free_cpus(std::uint32_t host) const {
        return hosts_.host(host).cpus - hosts_.reserved_cpus(host) - *running_[host];
    }

    // One job after the other; from one that fits nowhere back to the one before it.
    bool place_all() {
        const std::size_t most = jobs_.size() + kMostPlacesTried;
        std::vector<Choice> choices;
        while (choices.size() < jobs_.size()) {
            if (++tried_ > most) return false;
            choices.push_back({hosts_for(choices.size())});
            while (!take_next(choices.back(), jobs_[choices.size() - 1])) {
                choices.pop_back();
                if (choices.empty() || ++tried_ > most) return false;
            }
        }
        return true;
    }
    struct Choice {
        std::vector<std::uint32_t> hosts;
        std::size_t next = 0;
    };
    // Instead of the host it had.
    bool take_next(Choice& choice, const Job& job) {
        if (choice.next != 0) hosts_.release(chosen_[job.index], needs(job));
        if (choice.next == choice.hosts.size()) return false;
        chosen_[job.index] = choice.hosts[choice.next++];
        hosts_.reserve(chosen_[job.index], needs(job));
        return true;
    }
    // Workers of one stage are alike: when the first way did not lead anywhere, no host is tried for one of them that
    // comes before that of the last one.
    std::vector<std::uint32_t> hosts_for(std::size_t at) const {
        std::vector<std::uint32_t> fitting = hosts_by_room(needs(jobs_[at]));
        if (tried_ > jobs_.size() && at != 0 && jobs_[at - 1].stage == jobs_[at].stage)
            std::erase_if(fitting, [&](std::uint32_t host) { return host < chosen_[jobs_[at - 1].index]; });
        return fitting;
    }
    // Those that can hold it now, the fullest first.
    std::vector<std::uint32_t> hosts_by_room(const Resources& wanted) const {
        std::vector<std::uint32_t> fitting;
        for (std::uint32_t host = 0; host < hosts_.hosts(); ++host)
            if (running_[host] && hosts_.fits(host, wanted, *running_[host]) == HostLedger::Fit::now)
                fitting.push_back(host);
        std::stable_sort(fitting.begin(), fitting.end(),
                         [this](std::uint32_t a, std::uint32_t b) { return free_cpus(a) < free_cpus(b); });
        return fitting;
    }

    const Plan& plan_;
    HostLedger& hosts_;
    const std::vector<std::optional<std::uint32_t>> running_;
    std::vector<Job> jobs_;
    std::vector<std::uint32_t> chosen_;  // by job
    std::size_t tried_ = 0;
};

}  // namespace

std::optional<std::vector<std::uint32_t>> hosts_for_stream(
    const Plan& plan, HostLedger hosts,
    const std::function<std::optional<std::uint32_t>(std::uint32_t)>& running_simple) {
    std::vector<std::optional<std::uint32_t>> running;
    for (std::uint32_t host = 0; host < hosts.hosts(); ++host) running.push_back(running_simple(host));
    return Search(plan, hosts, std::move(running)).run();
}

}  // namespace penstock
