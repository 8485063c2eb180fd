#include "core/stream_output.hpp"

#include <algorithm>

namespace penstock {

StreamOutput::StreamOutput(const Plan& plan, TemplateIndex stage)
    : keeps_order_(plan.stages[stage.value].keeps_order),
      samples_(plan.stages[stage.value].role == Stage::Role::sample) {
    const Stage& mine = plan.stages[stage.value];
    const std::uint64_t queue = plan.stages[stage.value].queue == 0 ? kDefaultQueue : plan.stages[stage.value].queue;
    const std::uint32_t producers = plan.templates[stage.value].count;
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        const auto& from = plan.stages[s].from;
        if (std::find(from.begin(), from.end(), stage) == from.end()) continue;
        Consumer c;
        c.in_branch = std::find(mine.branch.begin(), mine.branch.end(), TemplateIndex(s)) != mine.branch.end();
        c.numbers_batches = plan.stages[s].keeps_order;
        const JobTemplate& jobs = plan.templates[s];
        for (std::uint32_t i = 0; i < jobs.count; ++i) {
            Link l;
            l.to = JobIndex(jobs.first_job.value + i);
            l.window = std::max<std::uint64_t>(1, queue / (std::uint64_t{producers} * jobs.count));
            if (samples_) l.window = std::max<std::uint64_t>(l.window, mine.limit);
            index_[l.to] = {static_cast<std::uint32_t>(consumers_.size()), i};
            c.links.push_back(l);
        }
        consumers_.push_back(std::move(c));
    }
    if (plan.stages[stage.value].delivered) {
        Consumer driver;
        index_[kDriver] = {static_cast<std::uint32_t>(consumers_.size()), 0};
        driver.links.emplace_back().to = kDriver;
        driver.links.back().window = queue;
        consumers_.push_back(std::move(driver));
    }
}

void StreamOutput::add(StreamItemsPtr items, std::uint64_t number, bool last) {
    for (Consumer& c : consumers_) {
        // An empty batch says something only where batches are counted.
        if (items->empty() && !(keeps_order_ && last)) continue;
        c.pending.push_back({items, number, last, 0, 0});
    }
}

void StreamOutput::add_mark(std::uint64_t mark, std::uint64_t number) {
    static const auto nothing = std::make_shared<const StreamItems>();
    for (Consumer& c : consumers_) {
        Pending p{nothing, number, true, 0, 0};
        p.mark = mark;
        c.pending.push_back(std::move(p));
    }
}

void StreamOutput::put_marks(std::uint64_t before) { before_ = before; }

// Where the one is that is furthest: the others come there.
void StreamOutput::put_mark() {
    std::uint64_t sent = 0;
    for (const Consumer& c : consumers_) sent = std::max(sent, c.sent);
    if (before_ && sent > last_mark_) put_mark_at(sent);
}

void StreamOutput::put_mark_at(std::uint64_t items) {
    last_mark_ = items;
    for (Consumer& c : consumers_) c.marks.push_back(items);
}

// Up to the next mark so many items may be sent.
std::uint64_t StreamOutput::room_to_mark(const Consumer& c) const {
    if (!c.marks.empty()) return c.marks.front() - c.sent;
    if (!marks_by_number(c)) return kBatchItems;
    return last_mark_ + std::clamp<std::uint64_t>(last_mark_ / kMostBetweenMarks, 1, kMostBetweenMarks) - c.sent;
}

bool StreamOutput::marks_by_number(const Consumer& c) const {
    return before_ && c.marks.empty() && c.sent < kMarkedByNumber;
}

// Where a consumer keeps order, each of the marks is a batch of its own.
void StreamOutput::send_mark(Consumer& c, std::uint64_t mark, std::uint64_t number, std::vector<Sent>& sent) {
    static const auto nothing = std::make_shared<const StreamItems>();
    for (const Link& l : c.links)
        sent.push_back({l.to, c.numbers_batches ? c.next_number++ : number, true, nothing, c.sent, mark});
}

bool StreamOutput::full() const {
    return std::any_of(consumers_.begin(), consumers_.end(), [](const Consumer& c) { return !c.pending.empty(); });
}

// Of several workers none gets more than it is likely to work off soon; one alone gets everything anyway.
std::uint64_t StreamOutput::limit(const Link& l, bool alone) const {
    if (alone || samples_) return l.window;
    if (l.each_ns < 0) return 1;
    const auto soon = static_cast<std::uint64_t>(kHorizon / std::max<Nanoseconds>(1, l.each_ns));
    return std::clamp<std::uint64_t>(soon, std::min<std::uint64_t>(2, l.window), l.window);
}

// Whether `more` bytes fit a link that has those.
bool StreamOutput::fits(std::uint64_t items, std::uint64_t bytes, std::uint64_t more) {
    return items == 0 || bytes + more <= kLinkBytes;
}

// Few that take long are shared among all workers, or one would have work when others have none.
std::uint64_t StreamOutput::most_at_once(const Consumer& c, const Link& l) const {
    const std::uint64_t whole = limit(l, c.links.size() == 1);
    std::uint64_t most = whole / kParts;
    if (l.each_ns >= 0 && static_cast<Nanoseconds>(whole / kLongParts) * l.each_ns >= kLongPart)
        most = std::min(whole / kLongParts, (c.pending.front().items->count() + c.links.size() - 1) / c.links.size());
    return std::clamp<std::uint64_t>(most, 1, kBatchItems);
}

// What would leave together if the link had room for it. Parts of a batch are about equally large, or its last one
// would be too little to keep anybody busy.
StreamOutput::Message StreamOutput::next_message(const Consumer& c, const Link& l) const {
    const Pending& p = c.pending.front();
    const std::size_t rest = p.items->count() - p.first;
    if (rest == 0) return {};
    const std::uint64_t most = most_at_once(c, l);
    const std::uint64_t messages = (rest + most - 1) / most;
    const std::uint64_t n = std::min((rest + messages - 1) / messages, room_to_mark(c));
    Message m;
    while (m.items < n && m.bytes < kBatchBytes) m.bytes += p.items->sizes[p.first + m.items++];
    return m;
}

// The part of the link's limit that is taken; 1 or more when it has no room for the next message.
double StreamOutput::used(const Consumer& c, const Link& l) const {
    const std::uint64_t whole = limit(l, c.links.size() == 1);
    const double part = static_cast<double>(l.items) / static_cast<double>(whole);
    if (l.items == 0 || samples_) return part;
    const Message m = next_message(c, l);
    return l.items + m.items <= whole && fits(l.items, l.bytes, m.bytes) ? part : 1;
}

// The link with the largest part of its limit free; null when none has room.
StreamOutput::Link* StreamOutput::roomiest(Consumer& c) {
    Link* best = nullptr;
    double best_used = 1;
    for (Link& l : c.links) {
        const double part = used(c, l);
        if (part >= best_used) continue;
        best = &l;
        best_used = part;
    }
    return best;
}

// As much of the first pending items as the link has room for: one at least.
StreamOutput::Sent StreamOutput::cut(Consumer& c, Link& l) {
    Pending& p = c.pending.front();
    Sent sent;
    sent.to = l.to;
    const std::uint64_t whole = limit(l, c.links.size() == 1);
    const std::size_t most = std::min<std::uint64_t>(whole - std::min(whole, l.items), next_message(c, l).items);
    std::size_t n = most == 0 ? 0 : 1;
    std::uint64_t bytes = n == 0 ? 0 : p.items->sizes[p.first];
    while (n < most && bytes < kBatchBytes && fits(l.items + n, l.bytes + bytes, p.items->sizes[p.first + n]))
        bytes += p.items->sizes[p.first + n++];
    if (n == p.items->count()) {
        sent.items = p.items;
    } else {
        sent.items = std::make_shared<const StreamItems>(p.items->part(p.first, n, p.offset));
        p.offset += sent.items->bytes.size();
    }
    p.first += n;
    sent.first = before_.value_or(0) + c.sent;
    c.sent += n;
    const bool all = p.first == p.items->count();
    if (c.numbers_batches) {
        sent.batch = c.next_number++;
    } else {
        sent.batch = p.number;
        sent.last = p.last && all;
    }
    l.items += n;
    l.bytes += bytes;
    l.total += n;
    if (all) c.pending.pop_front();
    if (marks_by_number(c) && room_to_mark(c) == 0) put_mark_at(c.sent);
    return sent;
}

bool StreamOutput::send_one(Consumer& c, std::vector<Sent>& sent) {
    if (!c.marks.empty() && c.marks.front() == c.sent) {
        send_mark(c, *before_ + c.sent, 0, sent);
        c.marks.pop_front();
        return true;
    }
    if (c.pending.empty()) return false;
    const Pending& p = c.pending.front();
    if (p.mark != 0) {
        send_mark(c, p.mark, p.number, sent);
        c.pending.pop_front();
        return true;
    }
    // What is empty needs no room; an item that is too large for what is left of the bytes waits.
    Link* l = p.items->empty() ? &c.links.front() : roomiest(c);
    if (l == nullptr) return false;
    sent.push_back(cut(c, *l));
    return true;
}

std::vector<StreamOutput::Sent> StreamOutput::take_sendable() {
    std::vector<Sent> sent;
    for (Consumer& c : consumers_)
        while (send_one(c, sent)) {
        }
    return sent;
}

bool StreamOutput::taken(JobIndex by, std::uint64_t items, std::uint64_t bytes, Nanoseconds each_ns) {
    const auto at = index_.find(by);
    if (at == index_.end()) return false;
    Link& l = consumers_[at->second.first].links[at->second.second];
    if (items > l.items || bytes > l.bytes) return false;
    l.items -= items;
    l.bytes -= bytes;
    if (each_ns >= 0) l.each_ns = each_ns;
    return true;
}

std::vector<StreamOutput::Total> StreamOutput::totals() const {
    std::vector<Total> totals;
    for (const Consumer& c : consumers_)
        for (const Link& l : c.links) totals.push_back({l.to, l.total});
    return totals;
}

std::uint64_t StreamOutput::in_branch() const {
    std::uint64_t most = 0;
    for (const Consumer& c : consumers_) {
        std::uint64_t items = 0;
        for (const Link& l : c.links) items += l.items;
        if (c.in_branch) most = std::max(most, items);
    }
    return most;
}

std::vector<std::uint64_t> StreamOutput::sent_into_branch() const {
    std::vector<std::uint64_t> sent;
    for (const Consumer& c : consumers_)
        if (c.in_branch)
            for (const Link& l : c.links) sent.push_back(l.total);
    return sent;
}

bool StreamOutput::has_left_branch(const std::vector<std::uint64_t>& sent) const {
    std::size_t i = 0;
    for (const Consumer& c : consumers_)
        if (c.in_branch)
            for (const Link& l : c.links)
                if (l.total - l.items < sent[i++]) return false;
    return true;
}

bool StreamOutput::all_taken() const {
    for (const Consumer& c : consumers_)
        for (const Link& l : c.links)
            if (l.items != 0) return false;
    return true;
}

void StreamOutput::drop() {
    for (Consumer& c : consumers_) c.pending.clear();
}

}  // namespace penstock
