// Streams without workers, brokers or clocks: the jobs of a plan, joined by links that deliver at random, against what
// a single process would make of the same input.
#pragma once

#include "core/stream_input.hpp"
#include "core/stream_output.hpp"

#include "sim/random.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

using Item = std::uint64_t;
using sim::mix;
using sim::Random;

// What a stage makes of an item: 0 to 3 items, or exactly one; a matter of the item alone.
inline std::vector<Item> results_of(const Plan& plan, std::uint32_t stage, Item item) {
    if (plan.stages[stage].role != Stage::Role::worker) return {item};
    const std::uint64_t hash = mix(item ^ (std::uint64_t{stage} << 40));
    const std::size_t n = plan.stages[stage].form == StageForm::generator ? hash % 4 : 1;
    std::vector<Item> made;
    for (std::size_t i = 0; i < n; ++i) made.push_back(mix(hash + i));
    return made;
}

// Not all of one length: 8 bytes and up to four times `more`, of which nobody looks at more than the first 8.
inline StreamItems encoded(const std::vector<Item>& items, std::size_t more) {
    StreamItems e;
    BytesWriter all;
    for (const Item item : items) {
        const std::size_t length = sizeof item + item % 5 * more;
        e.sizes.push_back(static_cast<std::uint32_t>(length));
        __builtin_memcpy(all.extend(length), &item, sizeof item);
    }
    e.bytes = all.take();
    return e;
}

inline std::vector<Item> decoded(const StreamItems& items) {
    std::vector<Item> out;
    std::size_t at = 0;
    for (const std::uint32_t size : items.sizes) {
        Item item = 0;
        __builtin_memcpy(&item, items.bytes.data() + at, sizeof item);
        out.push_back(item);
        at += size;
    }
    return out;
}

// "stage3(x4 ordered queue 2) <- concat source, stage1", a line a stage.
inline std::string text(const Plan& plan) {
    std::string all;
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
        const Stage& stage = plan.stages[s];
        all += "\n" + std::to_string(s) + " x" + std::to_string(plan.templates[s].count) +
               (stage.ordered ? " ordered" : "") + " queue " + std::to_string(stage.queue) + " merge " +
               std::to_string(static_cast<int>(stage.merge)) + " form " + std::to_string(static_cast<int>(stage.form)) +
               " <-";
        for (const TemplateIndex f : stage.from) all += " " + std::to_string(f.value);
    }
    return all;
}

// What each stage makes, by one process; `ordered` where its order is a promise.
struct Made {
    std::vector<Item> items;
    bool ordered = true;
    bool known = true;  // which items: what zip makes of inputs without an order is anybody's guess
};

inline std::vector<Item> merged(const Stage& stage, const std::vector<Made>& inputs) {
    std::vector<Item> all;
    if (stage.merge == Merge::interleave || stage.merge == Merge::zip) {
        std::size_t longest = 0, shortest = ~std::size_t{0};
        for (const Made& m : inputs) {
            longest = std::max(longest, m.items.size());
            shortest = std::min(shortest, m.items.size());
        }
        for (std::size_t i = 0; i < (stage.merge == Merge::zip ? shortest : longest); ++i)
            for (const Made& m : inputs)
                if (i < m.items.size()) all.push_back(m.items[i]);
        return all;
    }
    for (const Made& m : inputs) all.insert(all.end(), m.items.begin(), m.items.end());
    return all;
}

inline std::vector<Made> modelled(const Plan& plan, const std::vector<std::vector<Item>>& sources) {
    std::vector<Made> made(plan.stages.size());
    // Inner stages stand behind those of the definition and may come before them in the flow: until nothing changes.
    std::vector<bool> known(plan.stages.size(), false);
    for (std::size_t left = plan.stages.size(); left != 0;) {
        for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
            const Stage& stage = plan.stages[s];
            const auto is_known = [&](TemplateIndex f) { return known[f.value]; };
            if (known[s] || !std::all_of(stage.from.begin(), stage.from.end(), is_known)) continue;
            known[s] = true;
            --left;
            const std::uint32_t workers = plan.templates[s].count;
            if (stage.from.empty()) {
                made[s] = {sources[s], workers == 1 || stage.ordered, true};
                continue;
            }
            std::vector<Made> inputs;
            for (const TemplateIndex f : stage.from) inputs.push_back(made[f.value]);
            bool ordered = inputs.size() == 1 || stage.merge != Merge::any;
            for (const Made& m : inputs) ordered = ordered && m.ordered;
            const std::vector<Item> input = merged(stage, inputs);
            for (const Item item : input)
                for (const Item result : results_of(plan, s, item)) made[s].items.push_back(result);
            made[s].ordered = ordered && (workers == 1 || stage.ordered);
            for (const Made& m : inputs)
                made[s].known =
                    made[s].known && m.known && (m.ordered || stage.merge != Merge::zip || inputs.size() == 1);
        }
    }
    return made;
}

// Runs the plan; seen[s] is what stage s saw of its input, all workers together.
class StreamRun {
public:
    StreamRun(const Plan& plan, const std::vector<std::vector<Item>>& sources, Random& random,
              std::size_t more_bytes = 1)
        : plan_(plan), random_(random), more_bytes_(more_bytes), seen(plan.stages.size()) {
        for (std::uint32_t s = 0; s < plan.stages.size(); ++s)
            for (std::uint32_t w = 0; w < plan.templates[s].count; ++w) {
                Job job{s, StreamInput(plan, TemplateIndex(s)), StreamOutput(plan, TemplateIndex(s)), {}, {}, false, 0};
                if (plan.stages[s].from.empty()) {  // its part of the source
                    const std::size_t n = sources[s].size(), k = plan.templates[s].count;
                    job.source.assign(sources[s].begin() + static_cast<std::ptrdiff_t>(n * w / k),
                                      sources[s].begin() + static_cast<std::ptrdiff_t>(n * (w + 1) / k));
                }
                jobs_.push_back(std::move(job));
            }
    }

    // "" when every job has ended; else what went wrong.
    std::string run() {
        std::vector<std::uint32_t> order(jobs_.size());
        for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
        for (int idle = 0; idle < 3;) {  // jobs and links, in an order of their own each round
            bool any = false;
            for (std::size_t i = order.size(); i > 1; --i)
                std::swap(order[i - 1], order[random_.below(static_cast<std::uint32_t>(i))]);
            for (const std::uint32_t j : order)
                if (random_.chance(0.7)) any |= step(j);
            any |= deliver();
            idle = any ? 0 : idle + 1;
            if (!any)
                for (const std::uint32_t j : order) any |= step(j);
            if (any) idle = 0;
            if (!problem_.empty()) return problem_;
        }
        for (const Job& j : jobs_)
            if (!j.ended) return "stage " + plan_.templates[j.stage].name + " never ends";
        return "";
    }

    std::uint64_t most_waiting() const { return most_waiting_; }
    std::size_t most_kept() const { return most_kept_; }  // batches, in a buffer

private:
    struct Job {
        std::uint32_t stage = 0;
        StreamInput in;
        StreamOutput out;
        std::vector<Item> source;
        std::vector<StreamInput::Work::Of> done;
        bool ended = false;
        std::uint64_t waiting = 0;             // items sent to it and not given back
        std::deque<StreamItemsPtr> kept = {};  // of a buffer
    };
    struct Message {
        enum class Kind { items, end, taken } kind;
        StreamOutput::Sent sent;
        std::uint64_t items = 0, bytes = 0;
    };
    using Link = std::pair<std::uint32_t, std::uint32_t>;

    bool step(std::uint32_t number) {
        Job& j = jobs_[number];
        if (j.ended) return false;
        bool any = false;
        if (plan_.stages[j.stage].from.empty()) {
            if (!j.out.full() && !j.source.empty()) {
                const std::size_t n = std::min<std::size_t>(j.source.size(), random_.between(1, 20));
                j.out.add(std::make_shared<const StreamItems>(encoded(
                              {j.source.begin(), j.source.begin() + static_cast<std::ptrdiff_t>(n)}, more_bytes_)),
                          0, true);
                j.source.erase(j.source.begin(), j.source.begin() + static_cast<std::ptrdiff_t>(n));
                any = true;
            }
        } else if (plan_.stages[j.stage].role == Stage::Role::buffer) {
            any = keep(number, j);
        } else if (!j.out.full()) {
            if (auto work = j.in.pop()) {
                process(j, *work);
                any = true;
                for (const auto& of : work->taken)
                    links_[{number, of.from.value}].push_back({Message::Kind::taken, {}, of.items, of.bytes});
            }
        }
        for (StreamOutput::Sent& sent : j.out.take_sendable()) {
            any = true;
            send(number, std::move(sent));
        }
        const bool over = plan_.stages[j.stage].from.empty() ? j.source.empty() : j.in.ended();
        if (over && !j.out.full() && j.kept.empty()) {
            if (!j.in.damage().empty()) problem_ = j.in.damage();
            for (const auto& of : j.in.drop_rest())
                links_[{number, of.from.value}].push_back({Message::Kind::taken, {}, of.items, of.bytes});
            for (const auto& total : j.out.totals())
                links_[{number, total.to.value}].push_back({Message::Kind::end, {}, total.items, 0});
            j.ended = any = true;
        }
        return any;
    }

    // What comes is taken at once, and passed on when there is room.
    bool keep(std::uint32_t number, Job& j) {
        bool any = false;
        while (auto work = j.in.pop()) {
            any = true;
            const std::vector<Item> items = decoded(*work->batch.items);
            seen[j.stage].insert(seen[j.stage].end(), items.begin(), items.end());
            j.kept.push_back(work->batch.items);
            most_kept_ = std::max(most_kept_, j.kept.size());
            for (const auto& of : work->taken)
                links_[{number, of.from.value}].push_back({Message::Kind::taken, {}, of.items, of.bytes});
        }
        for (; !j.kept.empty() && !j.out.full(); j.kept.pop_front()) {
            any = true;
            j.out.add(j.kept.front(), 0, true);
            for (StreamOutput::Sent& sent : j.out.take_sendable()) send(number, std::move(sent));
        }
        return any;
    }

    void send(std::uint32_t number, StreamOutput::Sent sent) {
        const std::uint32_t to = sent.to.value;
        jobs_[to].waiting += sent.items->count();
        most_waiting_ = std::max(most_waiting_, jobs_[to].waiting);
        OnLink& there = on_links_[{number, to}];
        there.items += sent.items->count();
        there.bytes += sent.items->bytes.size();
        if (there.items > 1 && there.bytes > StreamOutput::kLinkBytes) problem_ = "too much on a link";
        links_[{number, to}].push_back({Message::Kind::items, std::move(sent), 0, 0});
    }

    // In one piece or two.
    void process(Job& j, const StreamInput::Work& work) {
        const std::vector<Item> items = decoded(*work.batch.items);
        seen[j.stage].insert(seen[j.stage].end(), items.begin(), items.end());
        std::vector<Item> made;
        for (const Item item : items)
            for (const Item result : results_of(plan_, j.stage, item)) made.push_back(result);
        const auto cut = static_cast<std::ptrdiff_t>(random_.below(static_cast<std::uint32_t>(made.size() + 1)));
        j.out.add(std::make_shared<const StreamItems>(encoded({made.begin(), made.begin() + cut}, more_bytes_)),
                  work.batch.number, false);
        j.out.add(std::make_shared<const StreamItems>(encoded({made.begin() + cut, made.end()}, more_bytes_)),
                  work.batch.number, work.batch.last);
    }

    bool deliver() {
        bool any = false;
        for (auto& [link, queue] : links_) {
            if (queue.empty() || random_.chance(0.4)) {
                any |= !queue.empty();
                continue;
            }
            for (std::uint32_t n = random_.between(1, 4); n != 0 && !queue.empty(); --n) {
                const Message m = std::move(queue.front());
                queue.pop_front();
                any = true;
                receive(link.first, jobs_[link.second], m);
            }
        }
        return any;
    }

    void receive(std::uint32_t from, Job& to, const Message& m) {
        switch (m.kind) {
            case Message::Kind::items:
                if (!to.ended && !to.in.push(JobIndex(from), {m.sent.batch, m.sent.last, m.sent.items}))
                    problem_ = "items refused";
                if (to.ended)
                    links_[{m.sent.to.value, from}].push_back(
                        {Message::Kind::taken, {}, m.sent.items->count(), m.sent.items->bytes.size()});
                break;
            case Message::Kind::end:
                if (!to.ended && !to.in.end(JobIndex(from), m.items, false)) problem_ = "an end refused";
                break;
            case Message::Kind::taken:
                jobs_[from].waiting -= m.items;
                on_links_[{number_of(to), from}].items -= m.items;
                on_links_[{number_of(to), from}].bytes -= m.bytes;
                if (!to.out.taken(JobIndex(from), m.items, m.bytes,
                                  random_.chance(0.5) ? -1 : random_.between(1, 30'000'000)))
                    problem_ = "credit that was never given";
                break;
        }
    }

    struct OnLink {  // sent, and not given back
        std::uint64_t items = 0, bytes = 0;
    };
    std::uint32_t number_of(const Job& j) const { return static_cast<std::uint32_t>(&j - jobs_.data()); }

    const Plan& plan_;
    Random& random_;
    const std::size_t more_bytes_;
    std::vector<Job> jobs_;
    std::map<Link, OnLink> on_links_;
    std::map<Link, std::deque<Message>> links_;
    std::string problem_;
    std::uint64_t most_waiting_ = 0;
    std::size_t most_kept_ = 0;

public:
    std::vector<std::vector<Item>> seen;
};

}  // namespace penstock::test
