// What one job of a stream makes, on its way to the stages that read it.
//
// Each consumer stage gets every item once, at one of its workers: the one with the most room. Credit bounds what is on
// its way to a worker or waits there: an item of a link is taken (StreamTaken) when the worker is done with it. So a
// slow stage stops the one before it, and that the one before, up to the source.
//
// Bounds, for each link: `queue` items of the producer's stage over its links; as many as the worker is likely to be
// done with in kHorizon, so that what is slow is spread evenly; kLinkBytes, and one item of any size: more would leave
// the caches before it is worked on. Items of 64 KiB went a third faster in messages of 1 MiB than of 256 KiB, and
// slower in those of 4 MiB (two CPUs of a virtual machine). A message that does not fit waits until it does, rather
// than leave in parts: a part would stay one on all links behind this one, and a small message costs nearly as much as
// a large one. While this job has something that cannot be sent it is full(), and is given no more to do.
//
// Marks (stream_position.hpp) need no credit, and go to every link. Those of a source are put where items are sent, not
// where they are made: what is between two marks is made again when a stream goes on.
#pragma once

#include "core/plan.hpp"
#include "core/stream_items.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock {

class StreamOutput {
public:
    static constexpr std::uint64_t kLinkBytes = (3 << 20) + (256 << 10);  // three messages of items of up to 64 KiB
    static constexpr std::size_t kBatchItems = 2048;                      // in one message
    static constexpr std::uint64_t kBatchBytes = 1 << 20;                 // or one item
    // What a link may have comes in parts: one is worked on, others wait. Two are enough where each takes long, and
    // cost half as much: with 10 us an item the brokers took 4 % of two CPUs for four, and 2 % for two.
    static constexpr std::uint64_t kParts = 4, kLongParts = 2;
    static constexpr Nanoseconds kLongPart = 5'000'000;
    static constexpr Nanoseconds kHorizon = 25'000'000;
    // Until so many items have been sent, marks of a source come by number, at most so many items apart: the first ones
    // fill the queues of all stages at once, and a slow stage works on them for long.
    static constexpr std::uint64_t kMarkedByNumber = 16 * 1024;
    static constexpr std::uint64_t kMostBetweenMarks = 64;

    // The output of any job of this stage.
    StreamOutput(const Plan& plan, TemplateIndex stage);

    // What was made of batch `number` of the input; `last`: nothing more will be. Kept until sent to every consumer.
    void add(StreamItemsPtr items, std::uint64_t number, bool last);
    // A mark has come through the job, after all that was added; `number`: of the batch that it came as.
    void add_mark(std::uint64_t mark, std::uint64_t number);
    // Of a source: marks are put from here on; `before`: so many items were made in earlier launches.
    void put_marks(std::uint64_t before);
    // One is to be put soon, when anything has been sent since the last one.
    void put_mark();
    // Something waits for credit.
    bool full() const;

    struct Sent {
        JobIndex to;
        std::uint64_t batch = 0;
        bool last = true;
        StreamItemsPtr items;
        std::uint64_t first =
            0;  // number of the first of them among all that were sent to this stage, in earlier launches too
        std::uint64_t mark = 0;  // instead of items
    };
    // All that credit allows, in order; it counts as sent.
    std::vector<Sent> take_sendable();
    // False for a link that there is not, or more than was sent.
    bool taken(JobIndex by, std::uint64_t items, std::uint64_t bytes, Nanoseconds each_ns);

    // Every link with the number of items sent on it: when nothing more comes.
    struct Total {
        JobIndex to;
        std::uint64_t items = 0;
    };
    std::vector<Total> totals() const;
    // Of the branch of a sample (Stage::branch): items that are in it, and the way to know when those sent so far have
    // left it.
    std::uint64_t in_branch() const;
    std::vector<std::uint64_t> sent_into_branch() const;
    bool has_left_branch(const std::vector<std::uint64_t>& sent) const;
    // Nothing has been sent that is not taken.
    bool all_taken() const;
    void drop();  // what has not been sent

private:
    struct Link {
        JobIndex to;
        std::uint64_t window = 1;            // items
        std::uint64_t items = 0, bytes = 0;  // on their way or there
        std::uint64_t total = 0;
        Nanoseconds each_ns = -1;
    };
    struct Pending {
        StreamItemsPtr items;
        std::uint64_t number = 0;
        bool last = true;
        std::size_t first = 0;   // the rest is to be sent
        std::size_t offset = 0;  // of `first`
        std::uint64_t mark = 0;  // instead of items
    };
    struct Message {
        std::size_t items = 0;
        std::uint64_t bytes = 0;
    };
    struct Consumer {
        bool in_branch = false;
        bool numbers_batches = false;  // it keeps order: what is sent to it is numbered here
        std::uint64_t next_number = 0;
        std::uint64_t sent = 0;  // items
        std::vector<Link> links;
        std::deque<Pending> pending;
        std::deque<std::uint64_t> marks;  // of a source: to be put when so many items have been sent
    };

    std::uint64_t limit(const Link& l, bool alone) const;
    static bool fits(std::uint64_t items, std::uint64_t bytes, std::uint64_t more);
    std::uint64_t most_at_once(const Consumer& c, const Link& l) const;
    Message next_message(const Consumer& c, const Link& l) const;
    double used(const Consumer& c, const Link& l) const;
    Link* roomiest(Consumer& c);
    Sent cut(Consumer& c, Link& l);
    bool send_one(Consumer& c, std::vector<Sent>& sent);
    void send_mark(Consumer& c, std::uint64_t mark, std::uint64_t number, std::vector<Sent>& sent);
    void put_mark_at(std::uint64_t items);
    std::uint64_t room_to_mark(const Consumer& c) const;
    bool marks_by_number(const Consumer& c) const;

    bool keeps_order_;
    bool samples_;                         // what is on its way is counted already, and nothing of it waits
    std::optional<std::uint64_t> before_;  // marks are put
    std::uint64_t last_mark_ = 0;
    std::vector<Consumer> consumers_;
    std::unordered_map<JobIndex, std::pair<std::uint32_t, std::uint32_t>> index_;  // consumer and link
};

}  // namespace penstock
