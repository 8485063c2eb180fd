// What the folds over numbers share: walking through the key `values`.
//
// `values` is a list of numbers, an array, or lists of these within one another. Anything else in it is an error that
// says where it stands. All int64 (or elements of integer arrays): the numbers are exact integers; one float64 among
// them makes all of them float64.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace penstock {

// Integers add up in 128 bits, which 2^64 of them cannot overflow.
__extension__ typedef __int128 WideInteger;

// One pass over all numbers; what every fold but the median needs.
struct NumberSummary {
    std::uint64_t count = 0;
    std::uint64_t reals = 0;  // how many of them are float64 or elements of float arrays
    WideInteger integer_sum = 0;
    WideInteger integer_minimum = 0, integer_maximum = 0;           // of the integers, if there are any
    double real_minimum = std::numeric_limits<double>::infinity();  // of the reals; NaN when one of them is NaN
    double real_maximum = -std::numeric_limits<double>::infinity();
    double real_sum = 0;  // of the reals, compensated (Neumaier): the error does not grow with their number

    bool all_integers() const { return reals == 0; }
    double sum() const { return static_cast<double>(integer_sum) + real_sum; }
};

inline constexpr std::string_view kValues = "`values`";

// Makes a summary of value after value.
class NumberSummarizer {
public:
    // A number, an array or a list of these; throws ValueError for what is no number, and says that it was in `where`.
    void add(const Value& values, std::string_view where = kValues);
    NumberSummary summary() const;

    // What has been added so far, as a value, and back; and what another one has added.
    Value state() const;
    static NumberSummarizer from_state(const Value& state);  // throws ValueError
    void add(const NumberSummarizer& other);

    // Of one number: what add() is made of.
    template <class T>
    void operator()(T number);

private:
    void add_integer(WideInteger number);
    void add_real(double number);
    void add_to_sum(double number);

    NumberSummary summary_;
    double sum_ = 0;
    double compensation_ = 0;
};

// Throws ValueError for what is no number.
NumberSummary summarize(const Value& values);
std::vector<double> all_numbers(const Value& values, std::string_view where = kValues);

// The number as int64, or ValueError naming the fold when it is beyond.
std::int64_t narrow(WideInteger number, std::string_view fold);

// For folds that mean nothing without numbers.
[[noreturn]] void no_numbers(std::string_view fold);

}  // namespace penstock
