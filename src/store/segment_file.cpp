#include "store/segment_file.hpp"

#include "store/hdf5_write_file.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

using h5::CellType;
using h5::kSegmentChunkBytes;

void write_fixed(hid_t table, const FixedColumn& column, std::uint64_t rows, Buffer& cells) {
    h5::write_dataset(table, column.name, {column.type(), column.bytes(), {}}, rows, cells, kSegmentChunkBytes);
}

void write_u32(hid_t table, const char* name, Buffer& cells) {
    h5::write_dataset(table, name, {H5T_NATIVE_UINT32, 4, {}}, cells.size() / 4, cells, kSegmentChunkBytes);
}

template <std::size_t N>
void write_fixed(hid_t table, const std::array<FixedColumn, N>& columns, std::uint64_t rows,
                 std::array<Buffer, N>& cells) {
    for (std::size_t i = 0; i < N; ++i) write_fixed(table, columns[i], rows, cells[i]);
}

// Eight bytes a row in memory, one in the file.
Buffer narrow_booleans(const Buffer& cells) {
    Buffer narrow;
    for (const std::uint64_t bits : cells.as<std::uint64_t>()) narrow.put<std::uint8_t>(bits != 0);
    return narrow;
}

void write_cells(TableGroup& table, const std::string& key, ColumnBuffer& column, h5::Handle& dataset) {
    const auto put = [&](const CellType& cell, std::uint64_t rows, Buffer& cells) {
        dataset = h5::write_dataset(table.id(), key, cell, rows, cells, kSegmentChunkBytes);
    };
    const ColumnContents& contents = column.contents();
    const auto element = [&] { return CellType{h5::native(contents.element()), element_size(contents.element()), {}}; };
    switch (column.layout()) {
        case Layout::none:
            return;
        case Layout::boolean: {
            Buffer narrow = narrow_booleans(column.cells());
            return put({h5::boolean(), 1, {}}, column.rows(), narrow);
        }
        case Layout::int64:
            return put({H5T_NATIVE_INT64, 8, {}}, column.rows(), column.cells());
        case Layout::float64:  // a mixture keeps the bits of each number: nothing is lost
            return put({contents.widened() ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, 8, {}}, column.rows(),
                       column.cells());
        case Layout::stacked: {
            CellType cell = element();
            cell.shape = contents.shape();
            return put(cell, column.rows(), column.cells());
        }
        case Layout::ragged: {
            const CellType cell = element();
            put(cell, column.cells().size() / cell.element_bytes, column.cells());
            break;
        }
        case Layout::string:
        case Layout::bytes:
        case Layout::json:
            put({H5T_NATIVE_UINT8, 1, {}}, column.cells().size(), column.cells());
            break;
    }
    h5::write_dataset(table.part(kEnds), key, {H5T_NATIVE_UINT64, 8, {}}, column.rows(), column.ends(),
                      kSegmentChunkBytes);
}

struct TypesSeen {
    bool absent = false;
    bool null = false;
};

TypesSeen types_seen(const ColumnBuffer& column) {
    TypesSeen seen;
    const auto types = column.types().as<std::uint8_t>();
    seen.absent = std::memchr(types.data(), kAbsent, types.size()) != nullptr;
    seen.null = column.contents().has(Value::Type::null);
    return seen;
}

}  // namespace

void write_segment_column(TableGroup& table, const std::string& key, ColumnBuffer& column) {
    h5::Handle dataset;
    write_cells(table, key, column, dataset);
    if (!dataset) return;
    h5::write_attribute(dataset.id(), "layout", static_cast<std::uint64_t>(column.layout()));
    h5::write_attribute(dataset.id(), "types", column.contents().numbers());
    if (column.layout() == Layout::json) h5::write_attribute(dataset.id(), "encoding", "json");
    if (column.has_references()) h5::write_attribute(dataset.id(), "references", std::uint64_t{1});
    // For JSON the text says the type, and whether there is a value.
    const TypesSeen seen = types_seen(column);
    if (seen.absent || (column.layout() != Layout::json && (seen.null || column.contents().widened()))) {
        Buffer types;
        types.append(column.types().bytes());
        h5::write_dataset(table.part(kTypes), key, {H5T_NATIVE_UINT8, 1, {}}, column.rows(), types, kSegmentChunkBytes);
    }
    if (!column.arrays().empty())
        h5::write_dataset(table.part(kArrays), key, {H5T_NATIVE_UINT8, 1, {}}, column.arrays().size(), column.arrays(),
                          kSegmentChunkBytes);
}

void write_stream_runs(TableGroup& table, const std::string& stage, const StreamRuns& runs, std::size_t chunk_bytes) {
    Buffer numbers;
    for (const std::uint64_t number : runs.numbers()) numbers.put(number);
    h5::write_dataset(table.part(kRuns), stage, {H5T_NATIVE_INT64, 8, {StreamRuns::kNumbers}}, runs.all().size(),
                      numbers, chunk_bytes);
}

void SegmentFile::write(const SegmentId& id, std::uint64_t value_files) {
    h5::write_attribute(file_, "format", "penstock");
    h5::write_attribute(file_, "format_version", tables_.has_streams() ? kStreamsFormatVersion : kFormatVersion);
    h5::write_attribute(file_, "kind", "segment");
    h5::write_attribute(
        file_, "segment",
        std::vector<std::uint64_t>{id.writer.incarnation, id.writer.rank, id.writer.epoch, id.first, id.last});
    h5::write_attribute(file_, "value_files", value_files);
    write_pipelines();
    write_templates();
    write_jobs();
    if (!tables_.attempt_columns_[0].empty()) write_attempts();
    write_groups();
    if (tables_.has_streams()) write_streams();
}

void SegmentFile::write_pipelines() {
    TableGroup table = TableGroup::create(file_, "pipelines");
    write_fixed(table.id(), kPipelineColumns, tables_.pipeline_names_.rows(), tables_.pipeline_columns_);
    write_segment_strings(table, "name", tables_.pipeline_names_);
    write_segment_strings(table, "instance", tables_.pipeline_instances_);
    StringColumn data;
    for (const std::string& text : tables_.pipeline_data_) data.add(text);
    write_segment_strings(table, "data", data);
}

void SegmentFile::write_templates() {
    TableGroup table = TableGroup::create(file_, "@templates");
    write_u32(table.id(), "pipeline", tables_.template_pipelines_);
    write_fixed(table.id(), kTemplateColumns, tables_.template_names_.rows(), tables_.template_columns_);
    write_segment_strings(table, "name", tables_.template_names_);
    write_segment_strings(table, "worker", tables_.template_workers_);
    write_segment_strings(table, "parameters", tables_.template_parameters_);
}

void SegmentFile::write_jobs() {
    TableGroup table = TableGroup::create(file_, "jobs");
    write_fixed(table.id(), kJobColumns, tables_.jobs(), tables_.job_columns_);
    TableGroup errors = TableGroup::create(file_, "@errors");
    write_segment_strings(errors, "text", tables_.errors_.texts());
}

void SegmentFile::write_attempts() {
    TableGroup table = TableGroup::create(file_, "attempts");
    write_fixed(table.id(), kAttemptColumns, tables_.logs_.rows(), tables_.attempt_columns_);
    write_segment_strings(table, "log", tables_.logs_);
}

void SegmentFile::write_groups() {
    std::vector<std::uint32_t> small;
    for (std::uint32_t row = 0; row < tables_.groups_.size(); ++row) {
        if (!tables_.groups_[row] || tables_.groups_[row]->rows() == 0)
            continue;  // of a stage, whose items are elsewhere
        if (tables_.groups_[row]->rows() < kSmallGroupRows && !tables_.groups_[row]->has_references())
            small.push_back(row);
        else
            write_group(row);
    }
    if (!small.empty()) write_rows(small);
}

void SegmentFile::write_group(std::uint32_t row) {
    if (!results_) results_ = h5::create_group(file_, "results");
    const std::uint32_t pipeline = tables_.template_pipelines_.as<std::uint32_t>()[row];
    const std::string pipeline_link = link_name(tables_.pipeline_names_[pipeline]);
    h5::Handle& parent = pipelines_[pipeline_link];
    if (!parent) parent = h5::create_group(results_.id(), pipeline_link);
    ResultGroup& group = *tables_.groups_[row];
    TableGroup table = TableGroup::create(parent.id(), link_name(tables_.template_names_[row]));
    h5::write_attribute(table.id(), "template", row);
    write_u32(table.id(), "@job", group.jobs());
    if (!group.parameters().empty()) {
        TableGroup parameters = TableGroup::create(table.id(), kForEach);
        for (auto& column : group.parameters()) write_segment_column(parameters, column.name, column.values);
    }
    for (auto& column : group.outputs())
        if (column.saved) write_segment_column(table, column.name, column.values);
}

// {"for-each": {...}, "values": {...}} a row: what has few rows costs a dataset a column no more.
void SegmentFile::write_rows(const std::vector<std::uint32_t>& templates) {
    const LoadLarge none_is_large;
    Buffer jobs, template_rows;
    ColumnBuffer documents;
    const auto document_of = [&](std::vector<ResultGroup::Column>& columns, std::uint64_t row) {
        Map document;
        for (auto& column : columns)
            if (column.saved && column.values.type(row) != kAbsent)
                document.emplace(column.name, column.values.at(row, none_is_large));
        return document;
    };
    for (const std::uint32_t template_row : templates) {
        ResultGroup& group = *tables_.groups_[template_row];
        for (std::uint64_t row = 0; row < group.rows(); ++row) {
            jobs.put(group.jobs().as<std::uint32_t>()[row]);
            template_rows.put(template_row);
            documents.add(
                Map{{"for-each", document_of(group.parameters(), row)}, {"values", document_of(group.outputs(), row)}},
                {});
        }
    }
    TableGroup table = TableGroup::create(file_, "@rows");
    write_u32(table.id(), "@job", jobs);
    write_u32(table.id(), "template", template_rows);
    write_segment_column(table, "document", documents);
}

void SegmentFile::write_streams() {
    const h5::Handle streams = h5::create_group(file_, "streams");
    std::map<std::string, TableGroup> pipelines;
    for (std::uint32_t row = 0; row < tables_.streams_.size(); ++row) {
        if (!tables_.streams_[row]) continue;
        StreamGroup& stream = *tables_.streams_[row];
        const std::string pipeline =
            link_name(tables_.pipeline_names_[tables_.template_pipelines_.as<std::uint32_t>()[row]]);
        auto table = pipelines.find(pipeline);
        if (table == pipelines.end())
            table = pipelines.emplace(pipeline, TableGroup::create(streams.id(), pipeline)).first;
        const std::string stage = link_name(tables_.template_names_[row]);
        write_segment_column(table->second, stage, stream.items());
        write_stream_runs(table->second, stage, stream.runs(), kSegmentChunkBytes);
    }
}

std::uint64_t SegmentTables::write(const std::filesystem::path& directory, const SegmentId& id,
                                   std::uint64_t value_files) {
    h5::WriteFile file(directory / segment_name(id), h5::Readers::recent);
    SegmentFile(*this, file.id()).write(id, value_files);
    file.check();
    std::uint64_t bytes = 0;
    for (const auto& stream : streams_)
        if (stream) bytes += stream->memory_bytes();
    return std::max(bytes, file.finish());
}

}  // namespace penstock
