#include "language/nearest_maker.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::size_t kFew = 16;

}  // namespace

NearestMaker::NearestMaker(const Dag& dag, const std::vector<std::vector<std::uint32_t>>& makers, std::uint64_t steps)
    : dag_(dag), makers_(makers), steps_(steps), ancestry_(dag, steps_) {}

void NearestMaker::spend(std::uint64_t steps) {
    if (steps > steps_) {
        steps_ = 0;
        throw TooManySteps{};
    }
    steps_ -= steps;
}

bool NearestMaker::makes(std::uint32_t node, std::uint32_t key) const {
    return std::binary_search(makers_[key].begin(), makers_[key].end(), node);
}

NearestMaker::Found NearestMaker::find(std::uint32_t node, std::uint32_t key) {
    try {
        if (makers_[key].size() <= kFew) return find_among_few(node, makers_[key]);
        const Candidates candidates = search(node, key);
        return candidates ? choose(*candidates) : Found{};
    } catch (const TooManySteps&) {
        waiting_.clear();
        return {Found::What::too_many_steps, 0, 0};
    }
}

NearestMaker::Found NearestMaker::find_among_few(std::uint32_t node, const std::vector<std::uint32_t>& makers) {
    std::vector<std::uint32_t> before;
    for (std::uint32_t maker : makers)
        if (maker != node && ancestry_.precedes(maker, node)) before.push_back(maker);
    return before.empty() ? Found{} : choose(before);
}

NearestMaker::Found NearestMaker::choose(const std::vector<std::uint32_t>& candidates) {
    const std::uint32_t last =
        *std::max_element(candidates.begin(), candidates.end(),
                          [&](std::uint32_t a, std::uint32_t b) { return dag_.rank(a) < dag_.rank(b); });
    for (std::uint32_t candidate : candidates)
        if (candidate != last && !ancestry_.precedes(candidate, last))
            return {Found::What::several, std::min(candidate, last), std::max(candidate, last)};
    return {Found::What::one, last, 0};
}

// Depth first, without recursion: a node is combined when all of its producers have their candidates.
NearestMaker::Candidates NearestMaker::search(std::uint32_t node, std::uint32_t key) {
    waiting_.push_back(node);
    while (!waiting_.empty()) {
        const std::uint32_t next = waiting_.back();
        if (memo_.contains(memo_key(next, key)) || combine(next, key)) waiting_.pop_back();
    }
    return memo_.at(memo_key(node, key));
}

// False when producers had to be put on the stack first.
bool NearestMaker::combine(std::uint32_t node, std::uint32_t key) {
    const auto producers = dag_.producers(node);
    spend(producers.size() + 1);
    Candidates only;  // as long as all producers agree
    bool agree = true, complete = true;
    std::vector<std::uint32_t> all;
    const auto add = [&](const Candidates& more) {
        if (!more) return;
        if (!only)
            only = more;
        else if (agree && only != more && *only != *more) {
            agree = false;
            all = *only;
        }
        if (agree) return;
        spend(more->size());
        all.insert(all.end(), more->begin(), more->end());
    };
    for (std::uint32_t producer : producers) {
        if (makes(producer, key)) {
            if (complete) add(std::make_shared<const std::vector<std::uint32_t>>(1, producer));
            continue;
        }
        const auto known = memo_.find(memo_key(producer, key));
        if (known == memo_.end()) {
            waiting_.push_back(producer);
            complete = false;
        } else if (complete) {
            add(known->second);
        }
    }
    if (!complete) return false;
    if (!agree) {
        std::sort(all.begin(), all.end());
        all.erase(std::unique(all.begin(), all.end()), all.end());
        const Found found = choose(all);
        if (found.what == Found::What::one) all.assign(1, found.maker);
        only = std::make_shared<const std::vector<std::uint32_t>>(std::move(all));
    }
    memo_.emplace(memo_key(node, key), std::move(only));
    return true;
}

}  // namespace penstock
