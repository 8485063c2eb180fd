#include "store/segment_name.hpp"

#include <fmt/format.h>

#include <charconv>

namespace penstock {

namespace {

// Takes `prefix` and a number off the front of `text`; false when they are not there.
template <class T>
bool take(std::string_view& text, std::string_view prefix, T& number) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take_writer(std::string_view& text, WriterId& writer) {
    return take(text, "i", writer.incarnation) && take(text, "-r", writer.rank) && take(text, "-e", writer.epoch);
}

std::string writer_name(const WriterId& writer) {
    return fmt::format("i{:05}-r{:05}-e{:05}", writer.incarnation, writer.rank, writer.epoch);
}

}  // namespace

std::string segment_name(const SegmentId& id) {
    return fmt::format("{}-{:09}-{:09}.h5", writer_name(id.writer), id.first, id.last);
}

std::optional<SegmentId> parse_segment_name(std::string_view name) {
    SegmentId id;
    std::string_view rest = name;
    if (!take_writer(rest, id.writer) || !take(rest, "-", id.first) || !take(rest, "-", id.last)) return std::nullopt;
    if (rest != ".h5" || id.first == 0 || id.last < id.first || segment_name(id) != name) return std::nullopt;
    return id;
}

std::string value_file_name(const WriterId& writer, std::uint64_t number) {
    return fmt::format("{}-v{:09}.h5", writer_name(writer), number);
}

std::optional<ValueFileId> parse_value_file_name(std::string_view name) {
    ValueFileId id;
    std::string_view rest = name;
    if (!take_writer(rest, id.writer) || !take(rest, "-v", id.number) || value_file_name(id.writer, id.number) != name)
        return std::nullopt;
    return id;
}

}  // namespace penstock
