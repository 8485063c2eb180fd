#include "core/stream_input.hpp"

#include "value/value_codec.hpp"

#include <algorithm>
#include <utility>

namespace penstock {

namespace {
constexpr std::size_t kItemsAtOnce = 1024;  // that a merge puts together one by one
constexpr std::size_t kBytesAtOnce = 256 * 1024;

StreamItems null_item() {
    ItemsWriter items;
    encode(Value(), items.bytes);
    items.sizes.push_back(static_cast<std::uint32_t>(items.bytes.size()));
    return items.take();
}
}  // namespace

StreamInput::StreamInput(const Plan& plan, TemplateIndex stage)
    : merge_(plan.stages[stage.value].merge), keeps_order_(plan.stages[stage.value].keeps_order) {
    const Stage& mine = plan.stages[stage.value];
    if (mine.from.size() <= 1) merge_ = Merge::any;
    const bool sees_all = plan.templates[stage.value].count == 1;  // else others have the batches between
    for (const TemplateIndex producer : mine.from) {
        const Stage& of = plan.stages[producer.value];
        const JobTemplate& jobs = plan.templates[producer.value];
        Edge edge;
        if (!sees_all)
            edge.order = Order::arrival;
        else if (of.keeps_order)
            edge.order = Order::numbers;
        else if (of.form == StageForm::source && of.role == Stage::Role::worker && of.ordered)
            edge.order = Order::parts;
        for (std::uint32_t i = 0; i < jobs.count; ++i) {
            const JobIndex from(jobs.first_job.value + i);
            const auto number = static_cast<std::uint32_t>(links_.size());
            index_[from] = number;
            edge.links.push_back(number);
            links_.push_back({.from = from, .edge = static_cast<std::uint32_t>(edges_.size()), .batches = {}});
        }
        if (merge_ == Merge::latest && !edges_.empty()) edge.latest = null_item();
        edges_.push_back(std::move(edge));
    }
    if (mine.role == Stage::Role::input) {  // fed from outside the plan
        Edge edge;
        edge.links.push_back(0);
        index_[kDriver] = 0;
        links_.push_back({.from = kDriver, .edge = 0, .batches = {}});
        edges_.push_back(std::move(edge));
    }
    open_links_ = links_.size();
}

StreamInput::Link* StreamInput::link(JobIndex from) {
    const auto at = index_.find(from);
    return at == index_.end() ? nullptr : &links_[at->second];
}

bool StreamInput::push(JobIndex from, Batch batch) {
    Link* l = link(from);
    if (l == nullptr || l->ended || !batch.items->whole()) return false;
    const auto number = static_cast<std::uint32_t>(l - links_.data());
    l->received += batch.items->count();
    if (batch.mark != 0) ++marks_;
    Edge& e = edges_[l->edge];
    if (e.order == Order::arrival) e.arrived.push_back(number);
    if (e.order == Order::numbers && l->batches.empty()) e.heads[batch.number] = number;
    l->batches.push_back(std::move(batch));
    return true;
}

bool StreamInput::end(JobIndex from, std::uint64_t items, bool failed) {
    Link* l = link(from);
    if (l == nullptr || l->ended) return false;
    l->ended = true;
    l->failed = failed;
    --open_links_;
    failed_ |= failed;
    for (Link& each : links_)
        if (failed_ && each.mark != 0) drop_mark(each);
    if (items != l->received)
        damage_ = "job " + std::to_string(from.value) + " sent " + std::to_string(items) + " items and " +
                  std::to_string(l->received) + " have come";
    return true;
}

// That it was in the batches of an order has to be known behind a stage that keeps it, or what follows would wait for
// it, and be lost. Such a stage has one link.
void StreamInput::drop_mark(Link& l) {
    l.mark = 0;
    --marks_;
    if (!keeps_order_) return;
    Batch nothing;
    nothing.number = l.mark_number;
    l.batches.push_front(std::move(nothing));
    edges_[l.edge].arrived.push_front(static_cast<std::uint32_t>(&l - links_.data()));
}

std::optional<std::uint32_t> StreamInput::next_link(Edge& e) {
    switch (e.order) {
        case Order::arrival:
            for (const std::uint32_t number : e.arrived)
                if (links_[number].mark == 0) return number;
            return std::nullopt;
        case Order::numbers: {
            const auto at = e.heads.find(e.next);
            if (at == e.heads.end()) return std::nullopt;
            return at->second;
        }
        case Order::parts:
            while (e.next < e.links.size()) {
                const Link& l = links_[e.links[e.next]];
                if (!l.batches.empty()) return e.links[e.next];
                if (!l.ended || l.failed) return std::nullopt;
                ++e.next;
            }
            return std::nullopt;
    }
    return std::nullopt;
}

// The first batch of the link, which is the next of its edge.
StreamInput::Work StreamInput::take(Edge& e, std::uint32_t number) {
    Link& l = links_[number];
    Work work;
    work.batch = std::move(l.batches.front());
    l.batches.pop_front();
    work.taken.push_back({l.from, work.batch.items->count(), work.batch.items->bytes.size()});
    if (e.order == Order::arrival) e.arrived.erase(std::find(e.arrived.begin(), e.arrived.end(), number));
    if (e.order == Order::numbers) {
        e.heads.erase(e.next);
        if (work.batch.last) ++e.next;
        if (!l.batches.empty()) e.heads[l.batches.front().number] = number;
    }
    return work;
}

std::optional<StreamInput::Work> StreamInput::pop_whole(Edge& e) {
    const auto number = next_link(e);
    if (!number) return std::nullopt;
    return take(e, *number);
}

// ------------------------------------------------------------------------------------------ marks

// Those that are next on their links are taken off.
void StreamInput::take_marks() {
    if (marks_ == 0) return;
    for (Edge& e : edges_)
        while (!waits_at_mark(e)) {
            const auto number = next_link(e);
            if (!number || links_[*number].batches.front().mark == 0) break;
            const Work work = take(e, *number);
            Link& l = links_[*number];
            l.mark = work.batch.mark;
            l.mark_number = work.batch.number;
            if (!failed_) continue;
            drop_mark(l);
            if (keeps_order_) break;
        }
}

// Nothing of it may be taken before the mark is. (Where there is an order, one link after another comes to it.)
bool StreamInput::waits_at_mark(const Edge& e) const {
    if (marks_ == 0) return false;
    bool any = false;
    for (const std::uint32_t number : e.links) {
        const Link& l = links_[number];
        any |= l.mark != 0;
        if (l.mark == 0 && !(l.ended && l.batches.empty())) return false;
    }
    return any;
}

bool StreamInput::at_mark() const {
    if (marks_ == 0 || failed_) return false;
    bool any = false;
    for (const Link& l : links_) {
        any |= l.mark != 0;
        if (l.mark == 0 && !(l.ended && l.batches.empty())) return false;
    }
    return any;
}

StreamInput::Work StreamInput::pop_mark() {
    Work work;
    for (Link& l : links_) {
        if (l.mark == 0) continue;
        work.batch.mark = work.batch.mark == 0 ? l.mark : std::min(work.batch.mark, l.mark);
        work.batch.number = l.mark_number;
        l.mark = 0;
        --marks_;
    }
    return work;
}

// ------------------------------------------------------------------------------------------ what is next

std::optional<StreamInput::Work> StreamInput::pop() {
    switch (merge_) {
        case Merge::any:
            take_marks();
            if (at_mark()) return pop_mark();
            for (std::size_t tries = 0; tries < edges_.size(); ++tries) {
                Edge& e = edges_[turn_];
                turn_ = (turn_ + 1) % edges_.size();
                if (waits_at_mark(e)) continue;
                if (auto work = pop_whole(e)) return work;
            }
            return std::nullopt;
        case Merge::concat:
            while (turn_ < edges_.size()) {
                if (auto work = pop_whole(edges_[turn_])) return work;
                if (!ended_well(edges_[turn_])) return std::nullopt;
                ++turn_;
            }
            return std::nullopt;
        case Merge::interleave:
        case Merge::zip:
            return pop_one_by_one();
        case Merge::latest:
            return pop_with_latest();
    }
    return std::nullopt;
}

bool StreamInput::has_next() {
    if (merge_ == Merge::any) take_marks();
    const auto whole = [this](Edge& e) { return !waits_at_mark(e) && next_link(e).has_value(); };
    const auto item = [this](Edge& e) { return link_with_item(e).has_value(); };
    switch (merge_) {
        case Merge::any:
            return at_mark() || std::any_of(edges_.begin(), edges_.end(), whole);
        case Merge::concat:
            for (std::size_t e = turn_; e < edges_.size(); ++e) {
                if (whole(edges_[e])) return true;
                if (!ended_well(edges_[e])) return false;
            }
            return false;
        case Merge::interleave:
            for (std::size_t i = 0; i < edges_.size(); ++i) {
                Edge& e = edges_[(turn_ + i) % edges_.size()];
                if (item(e)) return true;
                if (!ended_well(e)) return false;
            }
            return false;
        case Merge::zip:
            return std::all_of(edges_.begin(), edges_.end(), item);
        case Merge::latest:
            return std::any_of(edges_.begin(), edges_.end(), whole);
    }
    return false;
}

// The link that has the next item of the edge; batches without items are passed over.
std::optional<std::uint32_t> StreamInput::link_with_item(Edge& e) {
    for (;;) {
        const auto number = next_link(e);
        if (!number || !links_[*number].batches.front().items->empty()) return number;
        take(e, *number);
    }
}

StreamItems StreamInput::take_one(Edge& e, std::uint32_t number, Work& work) {
    const Link& l = links_[number];
    const StreamItems& items = *l.batches.front().items;
    StreamItems one = items.part(e.item, 1, e.offset);
    const std::uint64_t bytes = one.bytes.size();
    e.offset += bytes;
    auto of = std::find_if(work.taken.begin(), work.taken.end(), [&](const Work::Of& t) { return t.from == l.from; });
    if (of == work.taken.end()) of = work.taken.insert(of, {l.from, 0, 0});
    ++of->items;
    of->bytes += bytes;
    if (++e.item < items.count()) return one;
    e.item = e.offset = 0;
    take(e, number);
    return one;
}

// One item of the edge whose turn it is, of those that have not ended. False when it has none now.
bool StreamInput::add_in_turn(Work& work, ItemsWriter& to) {
    for (std::size_t tries = 0; tries < edges_.size(); ++tries) {
        Edge& e = edges_[turn_];
        const auto number = link_with_item(e);
        if (!number && !ended_well(e)) return false;
        turn_ = (turn_ + 1) % edges_.size();
        if (!number) continue;
        to.append(take_one(e, *number, work));
        return true;
    }
    return false;
}

bool StreamInput::add_of_each(Work& work, ItemsWriter& to) {
    for (Edge& e : edges_)
        if (!link_with_item(e)) return false;
    for (Edge& e : edges_) to.append(take_one(e, *link_with_item(e), work));
    return true;
}

std::optional<StreamInput::Work> StreamInput::pop_one_by_one() {
    Work work;
    if (merge_ == Merge::zip) work.zipped = static_cast<std::uint32_t>(edges_.size());
    ItemsWriter items;
    while (items.count() < kItemsAtOnce && items.bytes.size() < kBytesAtOnce &&
           (merge_ == Merge::zip ? add_of_each(work, items) : add_in_turn(work, items))) {
    }
    if (items.empty()) return std::nullopt;
    work.batch.items = std::make_shared<const StreamItems>(items.take());
    return work;
}

// The last of what has come is kept, the others are done with.
void StreamInput::take_latest(Edge& e, Work& work) {
    while (auto whole = pop_whole(e)) {
        const StreamItems& items = *whole->batch.items;
        work.taken.insert(work.taken.end(), whole->taken.begin(), whole->taken.end());
        if (items.empty()) continue;
        ItemsWriter latest;  // a copy: it may stay for long, and must not keep all the others
        latest.append(items.part(items.count() - 1, 1, items.bytes.size() - items.sizes.back()));
        e.latest = latest.take();
    }
}

// Items of the first stage, each with the latest ones of the others; work without items when only those have come.
std::optional<StreamInput::Work> StreamInput::pop_with_latest() {
    Work work;
    for (std::size_t e = 1; e < edges_.size(); ++e) take_latest(edges_[e], work);
    ItemsWriter items;
    Edge& first = edges_.front();
    while (items.count() < kItemsAtOnce && items.bytes.size() < kBytesAtOnce) {
        const auto number = link_with_item(first);
        if (!number) break;
        items.append(take_one(first, *number, work));
        for (std::size_t e = 1; e < edges_.size(); ++e) items.append(edges_[e].latest);
    }
    if (items.empty() && work.taken.empty()) return std::nullopt;
    work.zipped = static_cast<std::uint32_t>(edges_.size());
    work.batch.items = std::make_shared<const StreamItems>(items.take());
    return work;
}

StreamInput::Work::Of StreamInput::drop(Link& l) {
    Work::Of of{l.from, 0, 0};
    for (const Batch& b : l.batches) {
        of.items += b.items->count();
        of.bytes += b.items->bytes.size();
        if (b.mark != 0) --marks_;
    }
    l.batches.clear();
    if (std::exchange(l.mark, 0) != 0) --marks_;
    return of;
}

std::vector<StreamInput::Work::Of> StreamInput::drop_rest() {
    std::vector<Work::Of> dropped;
    for (Link& l : links_) {
        Edge& e = edges_[l.edge];
        // Of the first batch some items may have been taken.
        const bool in_part =
            !l.batches.empty() && e.item != 0 && next_link(e) == static_cast<std::uint32_t>(&l - links_.data());
        Work::Of of = drop(l);
        if (in_part) {
            of.items -= std::exchange(e.item, 0);
            of.bytes -= std::exchange(e.offset, 0);
        }
        if (of.items != 0) dropped.push_back(of);
    }
    for (Edge& e : edges_) {
        e.arrived.clear();
        e.heads.clear();
    }
    return dropped;
}

// A gap is a batch that will never be complete. Every link brings its batches in the order of their numbers: one that
// is beyond the next batch has not got it. It was with a worker that has failed when it is with none of the others.
bool StreamInput::has_gap(const Edge& e) const {
    if (e.order == Order::parts && e.next < e.links.size()) {
        const Link& l = links_[e.links[e.next]];
        return l.failed && l.batches.empty();
    }
    if (e.order != Order::numbers || e.heads.contains(e.next)) return false;
    bool failed = false, may_come = false;
    for (const std::uint32_t number : e.links) {
        failed |= links_[number].failed;
        may_come |= !links_[number].ended && links_[number].batches.empty();
    }
    return failed && !may_come;
}

std::vector<StreamInput::Work::Of> StreamInput::drop_behind_gaps() {
    std::vector<Work::Of> dropped;
    if (!failed_) return dropped;
    for (Edge& e : edges_) {
        e.gap = e.gap || has_gap(e);
        if (!e.gap) continue;
        e.heads.clear();
        for (const std::uint32_t number : e.links)
            if (!links_[number].batches.empty()) dropped.push_back(drop(links_[number]));
    }
    return dropped;
}

bool StreamInput::ended(const Edge& e) const {
    return std::all_of(e.links.begin(), e.links.end(), [this](std::uint32_t l) {
        return links_[l].ended && links_[l].batches.empty() && links_[l].mark == 0;
    });
}

// What would follow has its place after what was lost.
bool StreamInput::ended_well(const Edge& e) const {
    const auto failed = [this](std::uint32_t l) { return links_[l].failed; };
    return ended(e) && std::none_of(e.links.begin(), e.links.end(), failed);
}

bool StreamInput::ended() const {
    const bool in_turn = merge_ == Merge::concat || merge_ == Merge::interleave;
    if (in_turn && turn_ < edges_.size() && ended(edges_[turn_]) && !ended_well(edges_[turn_])) return true;
    if (merge_ == Merge::latest) return ended(edges_.front());
    if (merge_ == Merge::zip)  // when one has nothing more, nothing more can be paired
        return std::any_of(edges_.begin(), edges_.end(), [this](const Edge& e) { return ended(e); });
    return open_links_ == 0 && std::all_of(edges_.begin(), edges_.end(), [this](const Edge& e) { return ended(e); });
}

}  // namespace penstock
