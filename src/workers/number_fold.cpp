#include "workers/number_fold.hpp"

#include <fmt/format.h>

namespace penstock {

void NumberFold::on_item(const Value& item, Context&) {
    NumberSummarizer all = numbers_;  // an item that is wrong somewhere counts nowhere
    all.add(item, "an item");
    numbers_ = all;
}

void NumberFold::finish(Emit& emit, Context&) {
    const NumberSummary numbers = numbers_.summary();
    if (numbers.count == 0 && of_nothing_ == OfNothing::fails)
        throw ValueError(
            fmt::format("no numbers came, and `{}` has no result of nothing; if that may be, let `Count` "
                        "tell how many there are",
                        name_));
    emit(result(numbers));
}

}  // namespace penstock
