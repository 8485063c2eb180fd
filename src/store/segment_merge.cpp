#include "store/segment_merge.hpp"

#include <algorithm>

namespace penstock {

namespace {

using Codes = std::vector<std::uint32_t>;  // here, of a code there

Buffer whole(h5::DatasetReader reader) {
    Buffer content(reader.rows() * reader.row_bytes());
    reader.read(0, reader.rows(), content.data());
    return content;
}

void append_translated(Buffer& to, Buffer cells, const Codes& codes) {
    for (std::uint32_t& code : cells.as<std::uint32_t>()) {
        if (code >= codes.size()) throw StoreError("a segment refers to a row that is not there: the file is damaged");
        code = codes[code];
    }
    to.append(cells.bytes());
}

void append_shifted(Buffer& to, const Buffer& rows, std::uint64_t by) {
    for (const std::uint32_t row : rows.as<std::uint32_t>()) to.put(static_cast<std::uint32_t>(row + by));
}

void append_column(ColumnBuffer& to, ColumnReader& from, const StoreLarge& store_large) {
    if (from.has_references())
        to.refer(from.contents(), from.layout() != from.contents().layout());
    else
        to.join(from.contents());
    const Layout layout = to.layout();
    if (layout == from.layout() && from.all_present() && !to.contents().widened() &&
        (layout == Layout::int64 || layout == Layout::float64 || layout == Layout::stacked)) {
        for (std::uint64_t row = 0; row < from.rows();) {
            const auto [cells, count] = from.cells(row);
            to.add_cells(count, cells);
            row += count;
        }
        return;
    }
    if (layout == Layout::json && from.layout() == Layout::json) {
        const std::uint64_t arrays_at = to.add_arrays(from.arrays()->bytes());
        for (std::uint64_t row = 0; row < from.rows(); ++row) {
            const auto cell = from.bytes(row);
            to.add_cell({reinterpret_cast<const char*>(cell.data()), cell.size()}, from.type(row), arrays_at);
        }
        return;
    }
    for (std::uint64_t row = 0; row < from.rows(); ++row) {
        if (from.type(row) == kAbsent)
            to.add_absent();
        else
            to.add(from.at(row), store_large);
    }
}

void append_group(ResultGroup& to, ResultTableReader& from, std::uint64_t jobs_before, const StoreLarge& store_large) {
    const std::uint64_t rows = to.rows() + from.rows();
    for (const std::string& name : from.parameters())
        append_column(to.parameter(name), *from.parameter(name), store_large);
    for (const std::string& key : from.outputs()) append_column(to.output(key), *from.output(key), store_large);
    for (const auto columns : {&to.parameters(), &to.outputs()})
        for (auto& column : *columns) column.values.add_absent(rows - column.values.rows());
    append_shifted(to.jobs(), from.jobs(), jobs_before);
}

void append_stream(StreamGroup& to, std::vector<StreamRun> runs, const Codes& pipelines,
                   const std::unique_ptr<ColumnReader>& items, const StoreLarge& store_large) {
    for (StreamRun& run : runs) {
        run.pipeline = pipelines.at(run.pipeline);
        to.add(run);
    }
    if (items) append_column(to.items(), *items, store_large);
}

Codes append_pipelines(SegmentTables& to, const std::vector<Source::Pipeline>& pipelines) {
    Codes rows;
    for (const Source::Pipeline& p : pipelines) {
        const std::uint32_t row = to.add_pipeline(p.name, p.instance);
        to.set_pipeline(row, p.id);
        if (p.ended) to.end_pipeline(row, p.data, p.status, p.submitted, p.started, p.finished);
        rows.push_back(row);
    }
    return rows;
}

void append_attempts(SegmentTables& to, const Source& from, const Codes& errors, std::uint64_t jobs_before) {
    if (from.attempts() == 0) return;
    for (std::size_t i = 0; i < kAttemptColumns.size(); ++i) {
        const auto c = static_cast<AttemptColumn>(i);
        Buffer cells = whole(from.attempt_column(column(c)));
        Buffer& target = to.attempt_column(c);
        if (c == AttemptColumn::job)
            append_shifted(target, cells, jobs_before);
        else if (c == AttemptColumn::error)
            append_translated(target, std::move(cells), errors);
        else
            target.append(cells.bytes());
    }
    const auto logs = from.attempt_texts("log");
    for (std::uint64_t row = 0; row < logs->rows(); ++row) to.logs().add(logs->text(row));
}

}  // namespace

void append_segment(SegmentTables& to, Source& from) {
    const std::uint64_t jobs_before = to.jobs();
    const auto pipelines = from.pipelines();
    const Codes pipeline_rows = append_pipelines(to, pipelines);
    const auto templates = from.templates();
    Codes template_rows, errors;
    for (const Source::Template& t : templates)
        template_rows.push_back(
            to.add_template({pipeline_rows.at(t.pipeline), t.name, t.worker, t.parameters, t.first_job, t.count}));
    const auto error_texts = from.errors();
    for (std::uint64_t row = 0; row < error_texts->rows(); ++row)
        errors.push_back(to.errors().code(error_texts->text(row)));

    for (std::uint32_t row = 0; row < templates.size(); ++row) {
        const std::string& pipeline = pipelines[templates[row].pipeline].name;
        if (const auto table = from.table(row, templates[row].name, pipeline))
            append_group(to.group(template_rows[row]), *table, jobs_before, to.store_large());
        if (auto runs = from.stream_runs(pipeline, templates[row].name); !runs.empty())
            append_stream(to.stream(template_rows[row]), std::move(runs), pipeline_rows,
                          from.stream_items(pipeline, templates[row].name), to.store_large());
    }
    append_attempts(to, from, errors, jobs_before);
    for (std::size_t i = 0; i < kJobColumns.size(); ++i) {
        const auto c = static_cast<JobColumn>(i);
        Buffer cells = whole(from.job_column(column(c)));
        Buffer& target = to.job_column(c);
        if (c == JobColumn::pipeline)
            append_translated(target, std::move(cells), pipeline_rows);
        else if (c == JobColumn::job_template)
            append_translated(target, std::move(cells), template_rows);
        else if (c == JobColumn::error)
            append_translated(target, std::move(cells), errors);
        else
            target.append(cells.bytes());
    }
}

}  // namespace penstock
