// The stages of this example: a page by HTTP, its title, and the most common words of all titles.
#pragma once

#include "downloader.hpp"

#include <penstock/stream.hpp>
#include <penstock/worker.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace titles {

// Map: a URL to the page, as UTF-8 text. Parameters and errors are those of web::Downloader.
class Fetch : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "Fetch";
    static std::vector<std::string> check(const penstock::Document& with) { return web::Downloader::check(with); }
    std::optional<penstock::Value> on_item(const penstock::Value& url, penstock::Context& context) override;

private:
    web::Downloader downloader_;  // keeps the connection to a server from item to item
};

// Map: a page to its title. A page without one is dropped.
class Title : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "Title";
    std::optional<penstock::Value> on_item(const penstock::Value& html, penstock::Context& context) override;
};

// Fold: texts to the `top` (20) most frequent words in them, an item {word, count} each, the most frequent first; equal
// ones in alphabetical order.
class MostCommon : public penstock::FoldWorker {
public:
    static constexpr std::string_view kName = "MostCommon";
    static std::vector<std::string> check(const penstock::Document& with);
    void on_item(const penstock::Value& text, penstock::Context& context) override;
    void finish(penstock::Emit& emit, penstock::Context& context) override;

private:
    std::map<std::string, std::int64_t> counts_;
};

}  // namespace titles
