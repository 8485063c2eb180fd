// Folds at their stage server: snapshots, a fresh object that goes on, parts, and being woken.
#include "exec/stage_server.hpp"

#include "exec/stage_items.hpp"

#include <penstock/running_fold.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace penstock {
namespace {

using ::testing::HasSubstr;

// A sum that can go on; a text is thrown.
struct Sum : FoldWorker {
    static constexpr std::string_view kName = "sum";
    void on_item(const Value& item, Context&) override {
        if (item.is(Value::Type::string)) throw std::runtime_error(item.string());
        sum_ += item.int64();
    }
    void finish(Emit& emit, Context&) override { emit(sum_); }
    Value snapshot(Context&) override { return sum_; }
    void restore(const Value& state, Context&) override { sum_ = state.int64(); }
    void combine(const Value& state, Context&) override { sum_ += state.int64() * 1000; }  // seen by the tests

private:
    std::int64_t sum_ = 0;
};

// Keeps what comes until it is woken, or until there are three.
struct Keeper : RunningFoldWorker {
    static constexpr std::string_view kName = "keeper";
    void on_item(const Value& item, Emit& emit, Context&) override {
        kept_.push_back(item);
        if (kept_.size() == 3) emit(std::exchange(kept_, {}));
    }
    std::optional<double> wake_after_s() override {
        return kept_.empty() ? std::nullopt : std::optional(0.5 * static_cast<double>(kept_.size()));
    }
    void on_wake(Emit& emit, Context&) override { emit(std::exchange(kept_, {})); }

protected:
    List kept_;
};

// And can go on in another process.
struct SafeKeeper : Keeper {
    static constexpr std::string_view kName = "safe-keeper";
    Value snapshot(Context&) override { return kept_; }
    void restore(const Value& state, Context&) override { kept_ = state.list(); }
};

// Emits one item, and ends only after somebody has taken it.
struct Ender : SourceWorker {
    static constexpr std::string_view kName = "ender";
    static inline std::atomic<bool> may_end{false}, ended{false};
    void generate(Emit& emit, Context&) override {
        emit(1);
        while (!may_end) std::this_thread::yield();
        ended = true;
    }
};

class StageFolds : public ::testing::Test {
protected:
    StageFolds() : types_{worker_type<Sum>(), worker_type<Keeper>(), worker_type<Ender>(), worker_type<SafeKeeper>()} {
        place_.print = [](std::string_view) {};
        place_.cancelled = &cancelled_;
        place_.progress = &progress_;
        description_.stage = true;
        instance_.description = &description_;
        instance_.parameters = &parameters_;
        fresh();
    }
    // Another process.
    void fresh() { server_ = std::make_unique<StageServer>(types_); }

    StageAnswer ask(StageRequest::Do what, const List& items = {},
                    const std::function<void(StageRequest&)>& also = {}) {
        StageRequest request;
        request.what = what;
        request.stream_job = 7;
        request.continues = continues_;
        ItemsWriter writer;
        for (const Value& item : items) append_item(item, writer);
        request.items = writer.take();
        if (also) also(request);
        if (what == StageRequest::Do::items) continues_ = true;
        // As it is sent.
        return stage_answer(
            to_document(server_->serve(place_, instance_, stage_request(to_document(std::move(request))))));
    }
    static List made(const StageAnswer& answer) {
        List values;
        ItemReader reader(answer.items);
        while (!reader.ended()) values.push_back(reader.next());
        return values;
    }

    WorkerTypes types_;
    JobDescription description_{"p", "fold", "sum", {}, 1, {}, true};
    Document parameters_;
    std::atomic<std::uint32_t> cancelled_{0};
    std::atomic<double> progress_{0};
    JobPlace place_;
    JobInstance instance_;
    std::unique_ptr<StageServer> server_;
    bool continues_ = false;
};

using Do = StageRequest::Do;

TEST_F(StageFolds, AFreshObjectGoesOnFromTheSnapshotAndTheItemsSinceThen) {
    const StageAnswer first = ask(Do::items, {1, 2}, [](StageRequest& r) { r.wants_state = true; });
    ASSERT_TRUE(first.state);
    EXPECT_EQ(*first.state, Value(3));
    ask(Do::items, {10});
    fresh();
    const StageAnswer lost = ask(Do::items, {100});
    EXPECT_TRUE(lost.lost);
    EXPECT_THAT(lost.error.value_or(""), HasSubstr("lost"));
    const StageAnswer again = ask(Do::items, {10, 100}, [&](StageRequest& r) {
        r.restores = true;
        r.state = first.state;
        r.replayed = 1;
    });
    EXPECT_FALSE(again.error) << *again.error;
    EXPECT_EQ(again.done, 1u) << "what was replayed does not count";
    EXPECT_EQ(made(ask(Do::finish)), List{113});
}

TEST_F(StageFolds, AnObjectThatIsThereGivesWayToOneThatIsRestored) {
    ask(Do::items, {1});
    ask(Do::items, {5}, [](StageRequest& r) { r.restores = true; });
    EXPECT_EQ(made(ask(Do::finish)), List{5});
}

TEST_F(StageFolds, TheEndCanBeReachedInAFreshProcess) {
    ask(Do::items, {1, 2});
    fresh();
    EXPECT_TRUE(ask(Do::finish).lost);
    const StageAnswer end = ask(Do::finish, {1, 2}, [](StageRequest& r) {
        r.restores = true;
        r.replayed = 2;
    });
    EXPECT_EQ(made(end), List{3});
}

TEST_F(StageFolds, AFailingItemIsNotInTheState) {
    const StageAnswer answer = ask(Do::items, {1, "no", 2}, [](StageRequest& r) { r.wants_state = true; });
    EXPECT_EQ(answer.error.value_or(""), "no");
    EXPECT_EQ(answer.done, 1u);
    EXPECT_FALSE(answer.state);
}

TEST_F(StageFolds, PartsMakeTheirSnapshotAndAreCombined) {
    const auto part = [](FoldPart which) { return [which](StageRequest& r) { r.part = which; }; };
    ask(Do::items, {1, 2}, part(FoldPart::partial));
    EXPECT_EQ(made(ask(Do::finish, {}, part(FoldPart::partial))), List{3});
    continues_ = false;
    ask(Do::items, {3, 4}, part(FoldPart::combines));
    EXPECT_EQ(made(ask(Do::finish, {}, part(FoldPart::combines))), List{7000});
}

TEST_F(StageFolds, OneThatWaitsSaysForHowLongAndIsWoken) {
    description_.worker = "keeper";
    EXPECT_EQ(ask(Do::items, {1}).wake_after_s, 0.5);
    EXPECT_EQ(ask(Do::items, {2}).wake_after_s, 1.0);
    const StageAnswer woken = ask(Do::wake);
    EXPECT_EQ(made(woken), (List{List{1, 2}}));
    EXPECT_FALSE(woken.wake_after_s);
    const StageAnswer full = ask(Do::items, {1, 2, 3});
    EXPECT_EQ(made(full), (List{List{1, 2, 3}}));
    EXPECT_FALSE(full.wake_after_s);
}

TEST_F(StageFolds, OneThatIsWokenInAFreshProcessHasLostWhatItKept) {
    description_.worker = "keeper";
    ask(Do::items, {1});
    fresh();
    EXPECT_TRUE(ask(Do::wake).fatal);
    EXPECT_FALSE(types_[1].snapshots);
}

TEST_F(StageFolds, WhatARunningFoldMakesOfReplayedItemsHasLeftBefore) {
    description_.worker = "safe-keeper";
    EXPECT_EQ(made(ask(Do::items, {1, 2, 3, 4})), (List{List{1, 2, 3}}));
    fresh();
    EXPECT_TRUE(ask(Do::items, {5, 6}).lost);
    const StageAnswer again = ask(Do::items, {1, 2, 3, 4, 5, 6}, [](StageRequest& r) {
        r.restores = true;
        r.replayed = 4;
        r.wants_state = true;
    });
    EXPECT_EQ(made(again), (List{List{4, 5, 6}}));
    EXPECT_EQ(again.done, 2u);
    EXPECT_EQ(again.state, Value(List{}));
}

TEST_F(StageFolds, ARunningFoldIsRestoredToBeWoken) {
    description_.worker = "safe-keeper";
    const StageAnswer first = ask(Do::items, {1, 2}, [](StageRequest& r) { r.wants_state = true; });
    EXPECT_EQ(first.state, Value(List{1, 2}));
    fresh();
    EXPECT_TRUE(ask(Do::wake).lost);
    const StageAnswer woken = ask(Do::wake, {}, [&](StageRequest& r) {
        r.restores = true;
        r.state = first.state;
        r.wants_state = true;
    });
    EXPECT_EQ(made(woken), (List{List{1, 2}}));
    EXPECT_EQ(woken.state, Value(List{}));
}

TEST_F(StageFolds, ASourceMayEndBetweenTwoAnswers) {
    description_.worker = "ender";
    const StageAnswer first = ask(Do::start);
    ASSERT_TRUE(first.more);
    EXPECT_EQ(made(first), List{1});
    Ender::may_end = true;
    while (!Ender::ended) std::this_thread::yield();
    const StageAnswer last = ask(Do::go_on);
    EXPECT_FALSE(last.error) << *last.error;
    for (StageAnswer next = last; next.more;) next = ask(Do::go_on);
}

}  // namespace
}  // namespace penstock
