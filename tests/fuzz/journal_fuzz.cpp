// Journals: as they lie in the file, and, where the first byte is '+', lines whose length and checksum are right
// whatever is in them.
#include "store/journal.hpp"

#include "fuzz/fuzz.hpp"
#include "fuzz/scratch_file.hpp"
#include "value/hash.hpp"

#include <fmt/format.h>

#include <string>

namespace penstock {

void fuzz(std::span<const std::uint8_t> input) {
    static const test::ScratchFile file("journal");
    std::string text(input.begin(), input.end());
    if (text.starts_with('+')) {
        std::string lines;
        for (std::size_t begin = 1; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            const std::string line = text.substr(begin, end - begin);
            lines += fmt::format("{:08x} {:016x} {}\n", line.size(), Hasher().add(line).value(), line);
            begin = end + 1;
        }
        text = lines;
    }
    file.write(text);
    try {
        const JournalContents contents = read_journal(file.path());
        segment_rules(contents.entries);
        for (const JournalEntry& entry : contents.entries) encode_journal_line(entry);
    } catch (const StoreError&) {
    }
}

}  // namespace penstock
