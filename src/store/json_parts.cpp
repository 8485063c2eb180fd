#include "store/json_parts.hpp"

#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace penstock {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlock = 1 << 20;

// Complete lines of a file, one after another, read in blocks.
class LineReader {
public:
    LineReader(const File& file, std::uint64_t offset) : file_(file), block_start_(offset) {}

    // The next line without its line break, valid until the next call; nothing at the end or when it has no line break.
    std::optional<std::string_view> next() {
        std::size_t searched = at_;
        while (true) {
            const auto end = block_.find('\n', searched);
            if (end != std::string::npos) {
                const auto line = std::string_view(block_).substr(at_, end - at_);
                line_offset_ = block_start_ + at_;
                at_ = end + 1;
                return line;
            }
            block_.erase(0, at_);
            block_start_ += at_;
            at_ = 0;
            searched = block_.size();
            const std::string more = file_.read_at(block_start_ + block_.size(), kBlock);
            if (more.empty()) return std::nullopt;
            block_ += more;
        }
    }
    std::uint64_t line_offset() const { return line_offset_; }
    std::uint64_t end_offset() const { return block_start_ + at_; }  // behind the last line

private:
    const File& file_;
    std::string block_;
    std::uint64_t block_start_;
    std::size_t at_ = 0;
    std::uint64_t line_offset_ = 0;
};

bool read_scope(std::string_view line, PartEntry& entry) {
    try {
        const Document head = from_json(line).map();
        entry.scope = {at(head, "pipeline").string(), at(head, "pipeline_instance").string(), at(head, "job").string(),
                       at(head, "instance").string()};
        entry.worker = at(head, "worker").string();
        return true;
    } catch (const ValueError&) {
        return false;
    }
}

bool is_object(std::string_view text) {
    try {
        return from_json(text).is(Value::Type::map);
    } catch (const ValueError&) {
        return false;
    }
}

}  // namespace

fs::path part_folder(const fs::path& directory) { return directory / ".parts"; }

fs::path part_file(const fs::path& directory, std::uint32_t rank) {
    return part_folder(directory) / fmt::format("rank-{:05}.jsonl", rank);
}

std::vector<fs::path> part_files(const fs::path& directory) {
    std::vector<fs::path> parts;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(part_folder(directory), missing)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("rank-") && name.ends_with(".jsonl")) parts.push_back(entry.path());
    }
    std::sort(parts.begin(), parts.end());
    return parts;
}

std::string encode_part_entry(const Scope& scope, std::string_view worker, const Document& document) {
    const Document head{{"pipeline", scope.pipeline},
                        {"pipeline_instance", scope.pipeline_instance},
                        {"job", scope.job},
                        {"instance", scope.instance},
                        {"worker", worker}};
    return to_json(head) + "\n" + to_json(document) + "\n";
}

std::uint64_t scan_part(const File& part, std::uint64_t offset, bool check_values,
                        const std::function<void(const PartEntry&, std::string_view values)>& each) {
    LineReader lines(part, offset);
    while (const auto head = lines.next()) {
        PartEntry entry;
        if (!read_scope(*head, entry)) break;
        const auto values = lines.next();
        if (!values || (check_values && !is_object(*values))) break;
        entry.values_offset = lines.line_offset();
        entry.values_length = values->size();
        each(entry, *values);
        offset = lines.end_offset();
    }
    return offset;
}

}  // namespace penstock
