#include "workers/sleep.hpp"

#include "value/quantity.hpp"
#include "value/value_json.hpp"
#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

namespace penstock {

namespace {

constexpr std::chrono::milliseconds kLook{20};  // how often a sleeper looks whether it is cancelled

// A number goes through its text, so that both forms have the same bounds.
std::optional<double> seconds_of(const Value& value) {
    if (!value.is_number() && !value.is(Value::Type::string)) return std::nullopt;
    return parse_duration_s(plain_text(value));
}

std::string not_seconds(const Value& value) {
    return fmt::format("`seconds` is {}; it must be {}", to_json(value, JsonForm::plain), kDurationForm);
}

}  // namespace

std::vector<std::string> Sleep::check(const Document& with) {
    std::vector<std::string> problems = unknown_parameters(with, kName, {"seconds"});
    const auto seconds = with.find("seconds");
    if (seconds == with.end())
        problems.push_back(fmt::format("`sleep` needs the parameter `seconds`: {}", kDurationForm));
    else if (!is_open(seconds->second) && !seconds_of(seconds->second))
        problems.push_back(not_seconds(seconds->second));
    return problems;
}

Document Sleep::process(const Document&, Context& context) {
    using Clock = std::chrono::steady_clock;
    const Value& given = at(context.parameters(), "seconds");
    const auto seconds = seconds_of(given);
    if (!seconds) throw std::invalid_argument(not_seconds(given));

    const auto end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(*seconds));
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        if (context.cancelled()) throw std::runtime_error("sleep was cancelled");
        std::this_thread::sleep_until(std::min(end, now + kLook));
    }
    return {};
}

}  // namespace penstock
