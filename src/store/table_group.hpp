// A group whose datasets are the columns of a table, with others beside them: `<key>`, `@ends/<key>`, `@valid/<key>`.
#pragma once

#include "store/dataset.hpp"
#include "store/string_column.hpp"

#include <map>
#include <string>

namespace penstock {

// Names of the groups beside the columns.
inline constexpr const char* kEnds = "@ends";
inline constexpr const char* kValid = "@valid";
inline constexpr const char* kTypes = "@types";
inline constexpr const char* kArrays = "@arrays";
inline constexpr const char* kForEach = "@for-each";
inline constexpr const char* kExact = "@exact";
inline constexpr const char* kRuns = "@runs";

class TableGroup {
public:
    explicit TableGroup(h5::Handle group) : group_(std::move(group)) {}
    static TableGroup create(hid_t parent, const std::string& name) {
        return TableGroup(h5::create_group(parent, name));
    }

    hid_t id() const { return group_.id(); }
    // One of the groups beside the columns, made on first use.
    hid_t part(const char* name) {
        h5::Handle& part = parts_[name];
        if (!part) part = h5::create_group(id(), name);
        return part.id();
    }

private:
    h5::Handle group_;
    std::map<std::string, h5::Handle> parts_;
};

// A column of texts as segments have it: all of them one after another in `<name>`, their ends in `@ends/<name>`.
inline void write_segment_strings(TableGroup& table, const std::string& name, StringColumn& strings) {
    const std::uint64_t rows = strings.rows();
    h5::write_dataset(table.id(), name, {H5T_NATIVE_UINT8, 1, {}}, strings.text().size(), strings.text(),
                      h5::kSegmentChunkBytes);
    h5::write_dataset(table.part(kEnds), name, {H5T_NATIVE_UINT64, 8, {}}, rows, strings.ends(),
                      h5::kSegmentChunkBytes);
}

}  // namespace penstock
