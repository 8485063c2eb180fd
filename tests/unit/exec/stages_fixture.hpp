// A stage of a stream in a real lane: tickets for it, and what comes of them.
#pragma once

#include "lanes_fixture.hpp"

#include "exec/stage_batch.hpp"
#include "exec/stage_items.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace penstock::testing {

using Do = StageRequest::Do;

inline List values_of(StreamItems items) {
    List values;
    for (ItemReader reader(std::move(items)); !reader.ended();) values.push_back(reader.next());
    return values;
}

class Stages : public LanesTest {
protected:
    StageRequest request(Do what, const List& values = {}) {
        StageRequest request;
        request.what = what;
        request.stream_job = stream_job_;
        request.worker = worker_;
        request.workers = workers_;
        request.continues = continues_;
        ItemsWriter items;
        for (const Value& value : values) append_item(value, items);
        request.items = items.take();
        return request;
    }
    // `type` with `with` is what all tickets are for from now on.
    void stage(std::string type, Document with = {}) { context_ = one_job(std::move(type), std::move(with)); }

    Outcome give(StageRequest request) {
        Ticket t = ticket(context_);
        t.attempt = attempt_;
        t.batch = std::make_unique<Document>(to_document(std::move(request)));
        run(0, std::move(t));
        return std::move(collect(1).at(0));
    }
    StageAnswer ask(Do what, const List& values = {}) {
        Outcome outcome = give(request(what, values));
        if (outcome.details != nullptr) cpu_s_ += outcome.details->cpu_s;
        EXPECT_TRUE(outcome.succeeded) << describe(outcome);
        return outcome.succeeded ? stage_answer(std::move(*outcome.outputs)) : StageAnswer{};
    }
    // All answers to a request: their results, and the last one.
    struct Whole {
        List items;
        StageAnswer last;
        int answers = 0;
    };
    Whole ask_all(Do what, const List& values = {}) {
        Whole whole;
        whole.last = ask(what, values);
        for (;; whole.last = ask(Do::go_on)) {
            ++whole.answers;
            most_items_ = std::max(most_items_, whole.last.items.count());
            most_bytes_ = std::max(most_bytes_, whole.last.items.bytes.size());
            for (Value& value : values_of(std::move(whole.last.items))) whole.items.push_back(std::move(value));
            if (!whole.last.more) return whole;
        }
    }
    static List integers(std::int64_t count) {
        List list;
        for (std::int64_t i = 0; i < count; ++i) list.push_back(i);
        return list;
    }

    std::shared_ptr<const PipelineContext> context_;
    std::uint64_t stream_job_ = 7;
    std::uint32_t worker_ = 0;
    std::uint32_t workers_ = 1;
    std::uint32_t attempt_ = 1;
    bool continues_ = false;
    double cpu_s_ = 0;  // that tickets are said to have taken
    std::size_t most_items_ = 0;
    std::size_t most_bytes_ = 0;
};

class StagesBothWays : public Stages, public ::testing::WithParamInterface<Isolation> {
protected:
    StagesBothWays() {
        isolation_ = GetParam();
        if (isolation_ == Isolation::process) fork_zygote();
    }
};

class StagesInProcesses : public Stages {
protected:
    StagesInProcesses() { fork_zygote(); }
};

}  // namespace penstock::testing
