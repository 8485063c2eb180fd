// Checks of `with:` that several built-in worker types share.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

// One sentence for each parameter that is none of `known`.
std::vector<std::string> unknown_parameters(const Document& with, std::string_view worker,
                                            const std::vector<std::string>& known);

// A string with a placeholder: what it will be is not known before the job runs.
bool is_open(const Value& value);

// The parameters of one worker, read one by one, for check() and for the work itself alike: what is wrong is gathered
// in problems(), one sentence each. Open ones (is_open) have no value and are no problem.
class Parameters {
public:
    Parameters(const Document& with, std::string_view worker, const std::vector<std::string>& known);

    // A text that is not empty; `what` says what it is for ("the file to be read").
    std::optional<std::string> text(std::string_view name, std::string_view what, bool required = true);
    std::optional<std::int64_t> integer(std::string_view name, std::string_view what, bool required = true);
    std::optional<double> number(std::string_view name, std::string_view what, bool required = true);
    std::optional<bool> flag(std::string_view name);
    void problem(std::string text) { problems_.push_back(std::move(text)); }

    std::vector<std::string> problems() && { return std::move(problems_); }
    void throw_first() const;  // std::invalid_argument, if there is one

private:
    const Value* find(std::string_view name, std::string_view what, bool required);

    const Document& with_;
    std::string_view worker_;
    std::vector<std::string> problems_;
};

}  // namespace penstock
