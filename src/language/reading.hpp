// What everything that reads nodes needs: where to report, and the usual complaints in the usual words.
#pragma once

#include "language/diagnostics.hpp"
#include "language/limits.hpp"
#include "language/names.hpp"
#include "language/node.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

class Reading {
public:
    Reading(const SourceText& from, const LanguageLimits& bounds, Diagnostics& found)
        : source(from), limits(bounds), diagnostics(found) {}

    void error(Place place, std::string problem, std::string reason = "", std::string suggestion = "") const {
        diagnostics.error(source, place, std::move(problem), std::move(reason), std::move(suggestion));
    }
    void warning(Place place, std::string problem, std::string reason = "", std::string suggestion = "") const {
        diagnostics.warning(source, place, std::move(problem), std::move(reason), std::move(suggestion));
    }
    // "`retries` is a list" / "it must be a whole number from 0 to 10000".
    void wrong_type(const Node& node, std::string_view what, std::string_view wanted,
                    std::string suggestion = "") const {
        error(node.place, std::string(what) + " is " + describe(node), "it must be " + std::string(wanted),
              std::move(suggestion));
    }

    // For what should be text and looks like a number or a truth value: how to write it as text; "" for the rest.
    static std::string as_text(const Node& node);

    // The node's text when it is text (or, for names, anything that looks like a number): a name or a reference.
    std::optional<std::string_view> text(const Node& node) const;
    // "a list", "text `abc`", "the number 5": for messages.
    static std::string describe(const Node& node);
    // The node's number when it is a whole one of this range; else reported as `key`'s.
    std::optional<std::int64_t> whole_number(const Node& node, std::string_view key, std::int64_t least,
                                             std::int64_t most) const;
    // The node as a Value; keys that are no text are reported.
    Value value(const Node& node) const;

    // Reports a key of a map that is not one of `known`.
    void unknown_key(const Node& key, std::string_view where, std::span<const std::string_view> known) const;
    // Calls f(index in `known`, key, value) for every member; the others are reported. `where`: "a job".
    template <std::size_t n, class F>
    void each_member(const Node& map, std::string_view where, const std::array<std::string_view, n>& known,
                     F&& f) const {
        for (const auto& [key, value] : map.map()) {
            std::size_t i = 0;
            while (i < n && !(key->is_scalar() && key->text == known[i])) ++i;
            if (i < n)
                f(i, *key, *value);
            else
                unknown_key(*key, where, known);
        }
    }

    // Suggestions are only looked for while they may still be shown.
    std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates) const {
        return diagnostics.wants_suggestions() ? did_you_mean_text(word, candidates) : "";
    }

    const SourceText& source;
    const LanguageLimits& limits;
    Diagnostics& diagnostics;
};

// "job `x`", "stage `x`"
std::string job_text(std::string_view name);
std::string stage_text(std::string_view name);

}  // namespace penstock
