// The workers behind Downloader: what a page says, where it points, and what all pages together say.
#pragma once

#include <penstock/worker.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace web {

// The `top` most frequent words (all, when there are no more), a map {word, count} each; equal ones in alphabetical
// order.
penstock::List most_frequent(const std::map<std::string, std::int64_t>& counts, std::int64_t top);

// Needs `html`. Makes `text` (what a reader sees), `words` (in order, lower case), `count` (how many) and `counts` (how
// often each).
class GetTextAndWords : public penstock::Worker {
public:
    static constexpr std::string_view kName = "GetTextAndWords";
    static penstock::Keys needs() { return {"html"}; }
    static penstock::Keys makes() { return {"text", "words", "count", "counts"}; }
    penstock::Document process(const penstock::Document& in, penstock::Context& context) override;
};

// Needs `html` and `final_url`. Makes `links` (absolute, each once) and `link_count`.
class GetLinks : public penstock::Worker {
public:
    static constexpr std::string_view kName = "GetLinks";
    static penstock::Keys needs() { return {"html", "final_url"}; }
    static penstock::Keys makes() { return {"links", "link_count"}; }
    penstock::Document process(const penstock::Document& in, penstock::Context& context) override;
};

// Needs `counts`: a list of maps from word to number. Makes `total` (their sum), `count` (of all words), `distinct` and
// `top`: the `top:` most frequent words (20), a list of {word, count}; equal ones in alphabetical order.
class TotalCounts : public penstock::Worker {
public:
    static constexpr std::string_view kName = "TotalCounts";
    static penstock::Keys needs() { return {"counts"}; }
    static penstock::Keys makes() { return {"total", "count", "distinct", "top"}; }
    penstock::Document process(const penstock::Document& in, penstock::Context& context) override;
};

}  // namespace web
