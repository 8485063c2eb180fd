#include "workers/numbers.hpp"

#include <fmt/format.h>

#include <cmath>

namespace penstock {

namespace {

// Calls f(number) for each number in `values`: a double, or an integer of any width.
template <class F>
void each_number(const Value& values, std::string_view where, F& f) {
    switch (values.type()) {
        case Value::Type::int64:
            f(values.int64());
            break;
        case Value::Type::float64:
            f(values.float64());
            break;
        case Value::Type::list:
            for (const Value& element : values.list()) each_number(element, where, f);
            break;
        case Value::Type::array:
            with_elements(values.array(), [&f](auto elements) {
                for (const auto element : elements) f(element);
            });
            break;
        case Value::Type::null:
            if (where == kValues)
                throw ValueError(
                    "`values` has a null among its numbers, as `missing: null` puts one in for a failed job; use "
                    "`missing: drop` for this input");
            [[fallthrough]];
        default:
            throw ValueError(fmt::format("{} must hold numbers, arrays or lists of them, and it holds {}", where,
                                         values.type_name()));
    }
}

}  // namespace

template <class T>
void NumberSummarizer::operator()(T number) {
    ++summary_.count;
    if constexpr (std::is_integral_v<T>)
        add_integer(number);
    else
        add_real(number);
}

void NumberSummarizer::add(const Value& values, std::string_view where) { each_number(values, where, *this); }

NumberSummary NumberSummarizer::summary() const {
    NumberSummary summary = summary_;
    summary.real_sum = sum_ + (std::isfinite(compensation_) ? compensation_ : 0);
    return summary;
}

void NumberSummarizer::add_integer(WideInteger number) {
    const bool first = summary_.count - summary_.reals == 1;
    summary_.integer_sum += number;
    if (first || number < summary_.integer_minimum) summary_.integer_minimum = number;
    if (first || number > summary_.integer_maximum) summary_.integer_maximum = number;
}

void NumberSummarizer::add_real(double number) {
    ++summary_.reals;
    const double sum = sum_ + number;
    compensation_ += std::abs(sum_) >= std::abs(number) ? (sum_ - sum) + number : (number - sum) + sum_;
    sum_ = sum;
    // A NaN, once in, stays: every comparison with it is false.
    if (std::isnan(number) || number < summary_.real_minimum) summary_.real_minimum = number;
    if (std::isnan(number) || number > summary_.real_maximum) summary_.real_maximum = number;
}

NumberSummary summarize(const Value& values) {
    NumberSummarizer summarizer;
    summarizer.add(values);
    return summarizer.summary();
}

std::vector<double> all_numbers(const Value& values) {
    std::vector<double> numbers;
    const auto add = [&numbers](auto number) { numbers.push_back(static_cast<double>(number)); };
    each_number(values, kValues, add);
    return numbers;
}

std::int64_t narrow(WideInteger number, std::string_view fold) {
    if (number < std::numeric_limits<std::int64_t>::min() || number > std::numeric_limits<std::int64_t>::max())
        throw ValueError(
            fmt::format("the {} of these integers is beyond int64; give at least one of them as float64 for an "
                        "approximate result",
                        fold));
    return static_cast<std::int64_t>(number);
}

void no_numbers(std::string_view fold) {
    throw ValueError(
        fmt::format("`values` is empty, and nothing has no {}; if every source of this input may fail or be "
                    "empty, let another job decide, for example by `Count`",
                    fold));
}

}  // namespace penstock
