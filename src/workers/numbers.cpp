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

// All 128 bits of an integer, as two of 64.
Value as_value(WideInteger number) {
    return List{static_cast<std::int64_t>(number >> 64), static_cast<std::int64_t>(number)};
}

WideInteger wide(const Value& value) {
    const List& halves = value.list();
    if (halves.size() != 2) throw ValueError("this is not what was kept of numbers");
    return (WideInteger(halves[0].int64()) << 64) + static_cast<std::uint64_t>(halves[1].int64());
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
    add_to_sum(number);
    // A NaN, once in, stays: every comparison with it is false.
    if (std::isnan(number) || number < summary_.real_minimum) summary_.real_minimum = number;
    if (std::isnan(number) || number > summary_.real_maximum) summary_.real_maximum = number;
}

void NumberSummarizer::add_to_sum(double number) {
    const double sum = sum_ + number;
    compensation_ += std::abs(sum_) >= std::abs(number) ? (sum_ - sum) + number : (number - sum) + sum_;
    sum_ = sum;
}

Value NumberSummarizer::state() const {
    const NumberSummary& s = summary_;
    return Map{{"count", as_value(WideInteger(s.count))},
               {"reals", as_value(WideInteger(s.reals))},
               {"integers", List{as_value(s.integer_sum), as_value(s.integer_minimum), as_value(s.integer_maximum)}},
               {"real", List{s.real_minimum, s.real_maximum, sum_, compensation_}}};
}

NumberSummarizer NumberSummarizer::from_state(const Value& state) {
    NumberSummarizer made;
    const Map& map = state.map();
    NumberSummary& s = made.summary_;
    s.count = static_cast<std::uint64_t>(wide(at(map, "count")));
    s.reals = static_cast<std::uint64_t>(wide(at(map, "reals")));
    const List &integers = at(map, "integers").list(), &real = at(map, "real").list();
    if (integers.size() != 3 || real.size() != 4) throw ValueError("this is not what was kept of numbers");
    s.integer_sum = wide(integers[0]);
    s.integer_minimum = wide(integers[1]);
    s.integer_maximum = wide(integers[2]);
    s.real_minimum = real[0].float64();
    s.real_maximum = real[1].float64();
    made.sum_ = real[2].float64();
    made.compensation_ = real[3].float64();
    return made;
}

void NumberSummarizer::add(const NumberSummarizer& other) {
    const NumberSummary& s = other.summary_;
    if (s.count > s.reals) {
        const bool first = summary_.count == summary_.reals;
        summary_.integer_sum += s.integer_sum;
        if (first || s.integer_minimum < summary_.integer_minimum) summary_.integer_minimum = s.integer_minimum;
        if (first || s.integer_maximum > summary_.integer_maximum) summary_.integer_maximum = s.integer_maximum;
    }
    summary_.count += s.count;
    summary_.reals += s.reals;
    add_to_sum(other.sum_);
    compensation_ += other.compensation_;
    if (std::isnan(s.real_minimum) || s.real_minimum < summary_.real_minimum) summary_.real_minimum = s.real_minimum;
    if (std::isnan(s.real_maximum) || s.real_maximum > summary_.real_maximum) summary_.real_maximum = s.real_maximum;
}

NumberSummary summarize(const Value& values) {
    NumberSummarizer summarizer;
    summarizer.add(values);
    return summarizer.summary();
}

std::vector<double> all_numbers(const Value& values, std::string_view where) {
    std::vector<double> numbers;
    const auto add = [&numbers](auto number) { numbers.push_back(static_cast<double>(number)); };
    each_number(values, where, add);
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
