// retries, timeout, priority, cpus, memory, resources, isolation, save.
#include "language/definition.hpp"
#include "language/reading.hpp"
#include "value/quantity.hpp"

#include <charconv>

namespace penstock {

namespace {

constexpr std::int64_t kMaxRetries = 10'000;
constexpr std::int64_t kMaxPriority = 1'000'000;
constexpr std::int64_t kMaxCpus = 1'000'000;
constexpr std::int64_t kMaxResource = 1'000'000'000'000;
constexpr std::uint64_t kMaxMemory = 1ull << 50;
constexpr double kLongestTimeout = 100 * 365.25 * 86400;
constexpr std::string_view kDuration =
    R"(a number of seconds, a text like "10 min", "1.5 s", "2 h" (ns, us, ms, s, min, h, d) or "1:30:00", or `none`)";

std::optional<double> number_of(const Node& node) {
    if (node.is(Node::Kind::int64)) return static_cast<double>(node.int64);
    if (node.is(Node::Kind::float64)) return node.float64;
    return std::nullopt;
}

// "1:30:00": hours, minutes and seconds.
std::optional<double> clock_duration_s(std::string_view text) {
    const std::size_t first = text.find(':');
    if (first == std::string_view::npos || text.size() != first + 6 || text[first + 3] != ':') return std::nullopt;
    unsigned hours = 0, minutes = 0, seconds = 0;
    const auto read = [](std::string_view digits, unsigned& number) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    if (!read(text.substr(0, first), hours) || !read(text.substr(first + 1, 2), minutes) ||
        !read(text.substr(first + 4), seconds) || minutes >= 60 || seconds >= 60 || hours > 24 * 366 * 100)
        return std::nullopt;
    return hours * 3600.0 + minutes * 60.0 + seconds;
}

void read_timeout(const Reading& reading, const Node& node, Settings& settings) {
    if (node.is(Node::Kind::string) && node.text == "none") {
        settings.timeout_s = 0;
        return;
    }
    std::optional<double> seconds;
    if (node.is(Node::Kind::string)) {
        seconds = clock_duration_s(node.text);
        if (!seconds) seconds = parse_duration_s(node.text);
    } else if (const auto number = number_of(node); number && *number >= 0 && *number <= kLongestTimeout) {
        seconds = number;
    }
    if (!seconds) return reading.wrong_type(node, "`timeout`", kDuration);
    if (*seconds == 0)
        return reading.error(node.place, "`timeout` is no time at all", "every attempt would end before it began",
                             "write `none` for no limit");
    settings.timeout_s = *seconds;
}

void read_memory(const Reading& reading, const Node& node, Settings& settings) {
    std::optional<std::uint64_t> bytes;
    if (node.is(Node::Kind::string))
        bytes = parse_bytes(node.text);
    else if (const auto number = number_of(node); number && *number >= 0 && *number < 0x1p63)
        bytes = static_cast<std::uint64_t>(*number);
    const bool too_much = node.is(Node::Kind::float64) && node.float64 >= 0x1p63;
    if (!bytes && !too_much) return reading.wrong_type(node, "`memory`", kBytesForm);
    if (too_much || *bytes > kMaxMemory)
        return reading.error(node.place, "`memory` is too much", "a job may ask for 1024 TiB at most");
    settings.memory_bytes = *bytes;
}

void read_resources(const Reading& reading, const Node& node, Settings& settings) {
    if (!node.is(Node::Kind::map))
        return reading.wrong_type(node, "`resources`", "a map from names to whole numbers", "write {matlab: 1}");
    std::map<std::string, std::uint64_t> named;
    for (const auto& [key, value] : node.map()) {
        const std::string problem = key->is_scalar() ? key_problem(key->text) : "a name is text";
        if (!problem.empty()) {
            reading.error(key->place, "bad name of a resource", problem);
        } else if (key->text == "cpus" || key->text == "memory") {
            reading.error(key->place, quote(key->text) + " is not a named resource", "it has a place of its own",
                          "write `" + std::string(key->text) + ":` beside `resources:`");
        } else if (const auto amount = reading.whole_number(*value, key->text, 0, kMaxResource)) {
            if (*amount > 0) named.emplace(key->text, static_cast<std::uint64_t>(*amount));
        }
    }
    settings.resources = std::move(named);
}

void read_isolation(const Reading& reading, const Node& node, Settings& settings) {
    if (node.is(Node::Kind::string) && node.text == "process")
        settings.isolation = Isolation::process;
    else if (node.is(Node::Kind::string) && node.text == "inline")
        settings.isolation = Isolation::in_line;
    else
        reading.wrong_type(node, "`isolation`", "`process` or `inline`",
                           node.is(Node::Kind::string) ? reading.suggest(node.text, {"process", "inline"}) : "");
}

void read_save(const Reading& reading, const Node& node, Settings& settings) {
    SavePolicy save;
    if (node.is(Node::Kind::string) && node.text == "all") {
        settings.save = save;
        return;
    }
    save.all = false;
    if (node.is(Node::Kind::string) && node.text == "none") {
        settings.save = save;
        return;
    }
    if (!node.is(Node::Kind::list)) {
        const bool one = node.is(Node::Kind::string) && key_problem(node.text).empty();
        return reading.wrong_type(node, "`save`", "`all`, `none` or a list of keys",
                                  one ? "write [" + std::string(node.text) + "]" : "");
    }
    for (const Node* item : node.list()) {
        const auto key = reading.text(*item);
        if (!key)
            reading.wrong_type(*item, "an item of `save`", "a key");
        else if (const std::string problem = key_problem(*key); !problem.empty())
            reading.error(item->place, "bad key " + quote(*key), problem);
        else
            save.keys.emplace_back(*key);
    }
    settings.save = std::move(save);
    settings.save_keys = &node;
}

}  // namespace

void read_setting(const Reading& reading, std::size_t which, const Node& value, Settings& settings) {
    const auto number = [&](std::int64_t least, std::int64_t most) {
        return reading.whole_number(value, kSettingKeys[which], least, most);
    };
    switch (which) {
        case 0:
            if (const auto n = number(0, kMaxRetries)) settings.retries = static_cast<std::uint32_t>(*n);
            break;
        case 1:
            read_timeout(reading, value, settings);
            break;
        case 2:
            if (const auto n = number(-kMaxPriority, kMaxPriority)) settings.priority = static_cast<std::int32_t>(*n);
            break;
        case 3:
            if (const auto n = number(1, kMaxCpus)) settings.cpus = static_cast<std::uint32_t>(*n);
            break;
        case 4:
            read_memory(reading, value, settings);
            break;
        case 5:
            read_resources(reading, value, settings);
            break;
        case 6:
            read_isolation(reading, value, settings);
            break;
        case 7:
            read_save(reading, value, settings);
            break;
    }
}

}  // namespace penstock
