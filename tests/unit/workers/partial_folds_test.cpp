// The built-in folds in parts: what two of them have seen, put together, is what one would have seen; and a snapshot is
// all there is to know of one.
#include "support/stage_trial.hpp"
#include "workers/concat.hpp"
#include "workers/count.hpp"
#include "workers/maximum.hpp"
#include "workers/mean.hpp"
#include "workers/median.hpp"
#include "workers/minimum.hpp"
#include "workers/sum.hpp"

#include "value/value_codec.hpp"
#include "value/value_json.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::Emitted;
using test::FakeContext;

const std::vector<List> kInputs{
    {1, 2, 3, 4},
    {5},
    {-7, 2.5, 9.25, -1e300, 3},
    {Value(std::int64_t{9'007'199'254'740'993}), Value(std::int64_t{4'000'000'000'000'000'000}), 1},
    {List{1, 2.5}, Array::of(std::vector<double>{1e-9, 3e8}), 4},
};

std::string finished(FoldWorker& fold) {
    FakeContext context;
    Emitted made;
    fold.finish(made, context);
    return to_json(Value(made.items));
}

// As it is sent to another process.
Value sent(const Value& state) {
    std::vector<std::byte> bytes;
    encode(state, bytes);
    std::span<const std::byte> rest(bytes);
    return decode_value(rest);
}

template <class Fold>
void check(bool combines) {
    FakeContext context;
    for (const List& items : kInputs)
        for (std::size_t cut = 0; cut <= items.size(); ++cut) {
            SCOPED_TRACE(to_json(Value(items)) + " cut at " + std::to_string(cut));
            Fold whole, first, second, restored;
            const auto give = [&](Fold& to, std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) static_cast<FoldWorker&>(to).on_item(items[i], context);
            };
            give(whole, 0, items.size());
            give(first, 0, cut);
            restored.restore(sent(first.snapshot(context)), context);
            give(restored, cut, items.size());
            EXPECT_EQ(finished(restored), finished(whole));
            if (!combines) continue;
            give(second, cut, items.size());
            Fold both;
            both.combine(sent(first.snapshot(context)), context);
            both.combine(sent(second.snapshot(context)), context);
            EXPECT_EQ(finished(both), finished(whole));
        }
}

TEST(PartialFolds, OfNumbers) {
    check<Sum>(true);
    check<Mean>(true);
    check<Minimum>(true);
    check<Maximum>(true);
    check<Median>(true);
    check<CountItems>(true);
    check<Count>(true);
}

TEST(PartialFolds, ConcatKeepsAllInOrder) { check<Concat>(false); }

TEST(PartialFolds, TypesSayWhatTheyCanDo) {
    EXPECT_TRUE(worker_type<Sum>().combines);
    EXPECT_TRUE(worker_type<Median>().combines);
    EXPECT_TRUE(worker_type<CountItems>().snapshots);
    EXPECT_FALSE(worker_type<Concat>().combines) << "several workers would mix the order";
    EXPECT_TRUE(worker_type<Concat>().snapshots);
}

TEST(PartialFolds, MedianAndConcatAsStages) {
    FakeContext context;
    EXPECT_EQ(to_json(Value(test::passed_through<Median>(context, {3, List{1, 2}, 10.5}))), "[2.5]");
    EXPECT_THROW(test::passed_through<Median>(context, {}), ValueError);
    EXPECT_EQ(to_json(Value(test::passed_through<Concat>(context, {List{1, 2}, "x", List{}}))), "[[1,2,\"x\"]]");
    EXPECT_EQ(to_json(Value(test::passed_through<Concat>(context, {}))), "[[]]");
}

}  // namespace
}  // namespace penstock
