#include "text_workers.hpp"

#include "html.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace web {

using penstock::Context;
using penstock::Document;
using penstock::List;
using penstock::Map;

namespace {

using Counts = std::map<std::string, std::int64_t>;

Map map_of(const Counts& counts) { return {counts.begin(), counts.end()}; }

}  // namespace

List most_frequent(const std::map<std::string, std::int64_t>& counts, std::int64_t top) {
    std::vector<std::pair<std::string, std::int64_t>> ranking(counts.begin(), counts.end());
    const auto wanted = std::clamp<std::ptrdiff_t>(top, 0, static_cast<std::ptrdiff_t>(ranking.size()));
    std::partial_sort(ranking.begin(), ranking.begin() + wanted, ranking.end(), [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    List best;
    for (auto entry = ranking.begin(); entry != ranking.begin() + wanted; ++entry)
        best.push_back(Map{{"word", entry->first}, {"count", entry->second}});
    return best;
}

Document GetTextAndWords::process(const Document& in, Context&) {
    std::string text = visible_text(at(in, "html").string());
    const auto found = words(text);
    Counts counts;
    for (const auto& word : found) ++counts[word];
    return {{"text", std::move(text)},
            {"words", List(found.begin(), found.end())},
            {"count", found.size()},
            {"counts", map_of(counts)}};
}

Document GetLinks::process(const Document& in, Context&) {
    const auto targets = links(at(in, "html").string(), at(in, "final_url").string());
    return {{"links", List(targets.begin(), targets.end())}, {"link_count", targets.size()}};
}

Document TotalCounts::process(const Document& in, Context& context) {
    Counts total;
    std::int64_t all = 0;
    for (const auto& page : at(in, "counts").list()) {
        for (const auto& [word, count] : page.map()) {
            total[word] += count.int64();
            all += count.int64();
        }
    }
    const auto wanted = context.parameters().find("top");
    auto best = most_frequent(total, wanted == context.parameters().end() ? 20 : wanted->second.int64());
    const auto distinct = total.size();
    return {{"total", map_of(total)}, {"count", all}, {"distinct", distinct}, {"top", std::move(best)}};
}

}  // namespace web
