// Where everything that reads a definition puts what it finds wrong: bounded, and told in the order of the text.
#pragma once

#include "language/diagnostic.hpp"
#include "language/source.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

// The sources must live until take().
class Diagnostics {
public:
    // At most `shown` errors and `shown` warnings are kept: the first in the order of sources and places.
    explicit Diagnostics(std::uint32_t shown) : shown_(shown) {}

    void error(const SourceText& source, Place place, std::string problem, std::string reason = "",
               std::string suggestion = "");
    void warning(const SourceText& source, Place place, std::string problem, std::string reason = "",
                 std::string suggestion = "");

    std::uint64_t errors() const { return errors_.count; }

    // Looking for similar words costs time: worth it only while what is found may still be shown.
    bool wants_suggestions() const { return errors_.count <= shown_; }

    // Sorted by place, with a note at the end that counts what is not shown.
    std::vector<Diagnostic> take();

private:
    struct Entry {
        const SourceText* source;
        Place place;
        std::uint64_t number;  // ties are told as they came
        Diagnostic diagnostic;
    };
    struct Kept {
        std::vector<Entry> entries;
        std::uint64_t count = 0;
    };

    void add(Kept& kept, const SourceText& source, Place place, Diagnostic diagnostic);
    void shrink(Kept& kept, std::size_t size) const;

    std::uint32_t shown_;
    Kept errors_;
    Kept warnings_;
    std::uint64_t number_ = 0;
};

}  // namespace penstock
