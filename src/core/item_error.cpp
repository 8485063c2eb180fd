#include "core/item_error.hpp"

#include <charconv>

namespace penstock {

namespace {
constexpr std::string_view kItem = "item ";
constexpr std::string_view kColon = ": ";
}  // namespace

std::string item_error(std::uint64_t item, std::string_view cause) {
    return std::string(kItem) + std::to_string(item) + std::string(kColon) + std::string(cause);
}

ItemError parts_of_item_error(std::string_view text) {
    if (!text.starts_with(kItem)) return {std::nullopt, std::string(text)};
    const std::string_view rest = text.substr(kItem.size());
    std::uint64_t item = 0;
    const auto [end, wrong] = std::from_chars(rest.data(), rest.data() + rest.size(), item);
    const std::string_view after = rest.substr(static_cast<std::size_t>(end - rest.data()));
    if (wrong != std::errc() || !after.starts_with(kColon)) return {std::nullopt, std::string(text)};
    return {item, std::string(after.substr(kColon.size()))};
}

}  // namespace penstock
