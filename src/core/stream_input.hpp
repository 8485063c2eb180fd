// What comes to one job of a stream, in the order in which the job is to see it.
//
// A link leads from one job of a producer stage to this job and keeps order by itself. Over the links of one producer
// stage the order is that of the batch numbers when the producer keeps order, one link after another when it is a
// source in parts, and that of arrival otherwise; over several producer stages it is made by the stage's merge.
//
// Bounds: what is here was sent on credit (stream_output.hpp) and is given back by the caller with StreamTaken.
// The end is counted: a link has ended when as many items have come as its sender says it sent.
// A mark (stream_position.hpp) is popped once it has come over every link that has not ended; what comes over a link
// behind it waits until then. None is when some producer has failed.
#pragma once

#include "core/plan.hpp"
#include "core/stream_items.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

class StreamInput {
public:
    // The input of any job of this stage.
    StreamInput(const Plan& plan, TemplateIndex stage);

    struct Batch {
        std::uint64_t number = 0;
        bool last = true;
        StreamItemsPtr items = std::make_shared<const StreamItems>();
        std::uint64_t first = 0;  // number of the first of them among all that its sender has sent to this stage
        std::uint64_t mark = 0;   // instead of items
    };
    // Some items to be worked on together, and what of each link they are: to be given back once they are done with.
    struct Work {
        Batch batch;
        struct Of {
            JobIndex from;
            std::uint64_t items = 0;
            std::uint64_t bytes = 0;
        };
        std::vector<Of> taken;
        std::uint32_t zipped = 1;  // so many consecutive items make one: a list of them
    };

    // False for what cannot be: an unknown link, items after the end.
    bool push(JobIndex from, Batch batch);
    bool end(JobIndex from, std::uint64_t items, bool failed);

    std::size_t links() const { return links_.size(); }
    std::optional<Work> pop();
    bool has_next();  // pop() would give something
    // Every link has ended and nothing is left. With zip: when there is nothing more to be paired; what is left is
    // dropped (drop_rest()). With concat and interleave when an input has failed whose turn it is.
    bool ended() const;
    bool all_links_ended() const { return open_links_ == 0; }
    // Some producer failed: there would have been more.
    bool failed() const { return failed_; }
    // Why the count of some link was wrong; "" when all were right.
    const std::string& damage() const { return damage_; }
    std::vector<Work::Of> drop_rest();
    // What lies behind a batch that will never be complete, because the worker that had it failed: it is of no use, and
    // those who sent it wait for its room. Not empty when anything was dropped: pop() may go on then.
    std::vector<Work::Of> drop_behind_gaps();

private:
    struct Link {
        JobIndex from;
        std::uint32_t edge = 0;
        std::deque<Batch> batches;
        std::uint64_t received = 0;
        bool ended = false, failed = false;
        std::uint64_t mark = 0;         // has come, and waits for the other links
        std::uint64_t mark_number = 0;  // of the batch that it was
    };
    enum class Order { arrival, numbers, parts };
    struct Edge {  // one producer stage
        Order order = Order::arrival;
        std::vector<std::uint32_t> links;
        std::uint64_t next = 0;                                  // numbers: of the batch; parts: of the link
        std::unordered_map<std::uint64_t, std::uint32_t> heads;  // numbers: link by the number of its first batch
        bool gap = false;                                        // numbers, parts: the next will never be complete
        std::deque<std::uint32_t> arrived;                       // arrival: a link for each batch
        // Of the batch at the front, for merges that take items one by one.
        std::size_t item = 0;
        std::size_t offset = 0;
        StreamItems latest;  // of a merge with the latest: one item
    };

    Link* link(JobIndex from);
    bool has_gap(const Edge& e) const;
    void take_marks();
    void drop_mark(Link& l);
    bool waits_at_mark(const Edge& e) const;
    bool at_mark() const;
    Work pop_mark();
    Work::Of drop(Link& l);
    std::optional<std::uint32_t> next_link(Edge& e);  // whose first batch is the next of this edge
    Work take(Edge& e, std::uint32_t link);
    std::optional<Work> pop_whole(Edge& e);
    std::optional<Work> pop_one_by_one();
    std::optional<std::uint32_t> link_with_item(Edge& e);
    StreamItems take_one(Edge& e, std::uint32_t link, Work& work);
    bool add_in_turn(Work& work, ItemsWriter& to);
    bool add_of_each(Work& work, ItemsWriter& to);
    std::optional<Work> pop_with_latest();
    void take_latest(Edge& e, Work& work);
    bool ended(const Edge& e) const;
    bool ended_well(const Edge& e) const;

    Merge merge_;
    bool keeps_order_;  // this stage
    std::vector<Link> links_;
    std::unordered_map<JobIndex, std::uint32_t> index_;
    std::vector<Edge> edges_;
    std::size_t turn_ = 0;  // concat: the edge at hand; any, interleave: the next to be asked
    std::size_t open_links_ = 0;
    bool failed_ = false;
    std::uint64_t marks_ = 0;  // that are here
    std::string damage_;
};

}  // namespace penstock
