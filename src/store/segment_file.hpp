// A segment's tables as an HDF5 file.
#pragma once

#include "store/segment_tables.hpp"
#include "store/table_group.hpp"

#include <map>
#include <string>
#include <vector>

namespace penstock {

class SegmentFile {
public:
    SegmentFile(SegmentTables& tables, hid_t file) : tables_(tables), file_(file) {}
    void write(const SegmentId& id, std::uint64_t value_files);

private:
    void write_pipelines();
    void write_templates();
    void write_jobs();
    void write_attempts();
    void write_groups();
    void write_group(std::uint32_t row);
    void write_rows(const std::vector<std::uint32_t>& templates);
    void write_streams();

    SegmentTables& tables_;
    hid_t file_;
    h5::Handle results_;                           // /results, once there is something in it
    std::map<std::string, h5::Handle> pipelines_;  // groups in it
};

// A column of Values as segments have it: cells, and beside them what they alone do not say.
void write_segment_column(TableGroup& table, const std::string& key, ColumnBuffer& column);
// Beside a column of items: which they are. Results files have it too.
void write_stream_runs(TableGroup& table, const std::string& stage, const StreamRuns& runs, std::size_t chunk_bytes);

}  // namespace penstock
