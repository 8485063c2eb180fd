#include "language/diagnostics.hpp"

#include <algorithm>
#include <tuple>

namespace penstock {

namespace {

// Fills in position, source line and the underlined length. Of a very long line (programs write JSON in one line) only
// the stretch around the place is kept.
void locate(Diagnostic& d, const SourceText& source, Place place) {
    constexpr std::size_t kBefore = 60, kWhole = 160;
    d.file = source.name();
    if (!place.known()) return;
    const LineAndColumn at = source.position(place);
    d.line = at.line;
    d.column = at.column;
    std::string_view line = source.line_at(place);
    const std::size_t column_bytes = std::min(place.offset - source.line_start(place), line.size());
    d.length = std::max<std::size_t>(1, character_count(line.substr(column_bytes, place.length)));
    if (line.size() > kWhole) {
        std::size_t from = column_bytes > kBefore ? column_bytes - kBefore : 0;
        while (from > 0 && (static_cast<unsigned char>(line[from]) & 0xc0) == 0x80) --from;
        std::size_t to = std::min(line.size(), from + kWhole);
        while (to < line.size() && (static_cast<unsigned char>(line[to]) & 0xc0) == 0x80) ++to;
        d.clipped = character_count(line.substr(0, from));
        line = line.substr(from, to - from);
    }
    d.source_line = std::string(line);
}

}  // namespace

void Diagnostics::error(const SourceText& source, Place place, std::string problem, std::string reason,
                        std::string suggestion) {
    Diagnostic d;
    d.problem = std::move(problem);
    d.reason = std::move(reason);
    d.suggestion = std::move(suggestion);
    add(errors_, source, place, std::move(d));
}

void Diagnostics::warning(const SourceText& source, Place place, std::string problem, std::string reason,
                          std::string suggestion) {
    Diagnostic d;
    d.severity = Diagnostic::Severity::warning;
    d.problem = std::move(problem);
    d.reason = std::move(reason);
    d.suggestion = std::move(suggestion);
    add(warnings_, source, place, std::move(d));
}

void Diagnostics::add(Kept& kept, const SourceText& source, Place place, Diagnostic diagnostic) {
    ++kept.count;
    kept.entries.push_back({&source, place, number_++, std::move(diagnostic)});
    const std::size_t room = 2 * std::max<std::size_t>(shown_, 1);
    if (kept.entries.size() >= 2 * room) shrink(kept, room);
}

void Diagnostics::shrink(Kept& kept, std::size_t size) const {
    const auto rank = [](const Entry& e) { return std::tuple(e.source->order(), e.place.offset, e.number); };
    std::sort(kept.entries.begin(), kept.entries.end(),
              [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    if (kept.entries.size() > size) kept.entries.resize(size);
}

std::vector<Diagnostic> Diagnostics::take() {
    shrink(errors_, shown_);
    shrink(warnings_, shown_);
    const std::uint64_t more_errors = errors_.count - errors_.entries.size();
    const std::uint64_t more_warnings = warnings_.count - warnings_.entries.size();
    Kept all;
    for (Kept* kept : {&errors_, &warnings_})
        for (Entry& entry : kept->entries) all.entries.push_back(std::move(entry));
    shrink(all, all.entries.size());
    std::vector<Diagnostic> diagnostics;
    for (Entry& entry : all.entries) {
        locate(entry.diagnostic, *entry.source, entry.place);
        diagnostics.push_back(std::move(entry.diagnostic));
    }
    if (more_errors + more_warnings > 0) {
        Diagnostic note;
        note.severity = Diagnostic::Severity::note;
        note.problem = "not shown: " + std::to_string(more_errors) + " more errors and " +
                       std::to_string(more_warnings) + " more warnings";
        diagnostics.push_back(std::move(note));
    }
    errors_ = {};
    warnings_ = {};
    return diagnostics;
}

}  // namespace penstock
