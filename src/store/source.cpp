#include "store/source.hpp"

#include "store/table_group.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock {

namespace {

constexpr const char* kDocument = "document";

std::vector<std::string> columns_of(hid_t table) {
    std::vector<std::string> names = h5::names(table);
    std::erase_if(names, [](const std::string& name) { return name.starts_with('@'); });
    return names;
}

Buffer whole(h5::DatasetReader reader) {
    Buffer content(reader.rows() * reader.row_bytes());
    reader.read(0, reader.rows(), content.data());
    return content;
}

Buffer whole(hid_t table, const FixedColumn& column) {
    return whole(h5::DatasetReader(table, column.name, column.type(), column.bytes()));
}

class GroupTable final : public ResultTableReader {
public:
    GroupTable(h5::Handle group, LoadLarge load_large)
        : group_(std::move(group)),
          load_large_(std::move(load_large)),
          jobs_(whole(h5::DatasetReader(group_.id(), "@job", H5T_NATIVE_UINT32, 4))) {
        if (h5::exists(group_.id(), kForEach)) parameters_ = h5::open_group(group_.id(), kForEach);
    }

    const Buffer& jobs() const override { return jobs_; }
    std::vector<std::string> parameters() const override {
        return parameters_ ? columns_of(parameters_.id()) : std::vector<std::string>();
    }
    std::vector<std::string> outputs() const override { return columns_of(group_.id()); }
    std::unique_ptr<ColumnReader> parameter(const std::string& name) override {
        if (!parameters_ || !h5::exists(parameters_.id(), name)) return nullptr;
        return open_column(parameters_.id(), name, load_large_);
    }
    std::unique_ptr<ColumnReader> output(const std::string& key) override {
        if (!h5::exists(group_.id(), key)) return nullptr;
        return open_column(group_.id(), key, load_large_);
    }

private:
    h5::Handle group_;
    LoadLarge load_large_;
    Buffer jobs_;
    h5::Handle parameters_;
};

class SmallTable final : public ResultTableReader {
public:
    explicit SmallTable(std::shared_ptr<ResultGroup> group) : group_(std::move(group)) {}

    const Buffer& jobs() const override { return group_->jobs(); }
    std::vector<std::string> parameters() const override { return names(group_->parameters()); }
    std::vector<std::string> outputs() const override { return names(group_->outputs()); }
    std::unique_ptr<ColumnReader> parameter(const std::string& name) override {
        return has(group_->parameters(), name) ? read_buffer(group_->parameter(name)) : nullptr;
    }
    std::unique_ptr<ColumnReader> output(const std::string& key) override {
        return has(group_->outputs(), key) ? read_buffer(group_->output(key)) : nullptr;
    }

private:
    static bool has(const std::vector<ResultGroup::Column>& columns, const std::string& name) {
        return std::any_of(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
    }
    static std::vector<std::string> names(const std::vector<ResultGroup::Column>& columns) {
        std::vector<std::string> found;
        for (const auto& column : columns) found.push_back(column.name);
        return found;
    }
    std::shared_ptr<ResultGroup> group_;
};

SegmentId segment_of(const std::uint64_t* numbers) {
    const auto small = [&](std::size_t i) { return static_cast<std::uint32_t>(numbers[i]); };
    return {{small(0), small(1), small(2)}, numbers[3], numbers[4]};
}

std::vector<std::uint64_t> collected_segments(hid_t file) {
    const Buffer ranges = whole(h5::DatasetReader(file, "@segments", H5T_NATIVE_UINT64, 8));
    const auto numbers = ranges.as<std::uint64_t>();
    return {numbers.begin(), numbers.end()};
}

}  // namespace

Source::Source(const std::filesystem::path& path)
    : file_(path, parse_segment_name(path.filename().string()) ? h5::Checksums::required : h5::Checksums::when_there) {
    const auto refuse = [&](std::string_view why) {
        throw StoreError(
            fmt::format("cannot read {}: {}. Name a results file of Penstock (X.h5) or its run directory "
                        "(X.h5.run).",
                        path.string(), why));
    };
    if (h5::text_attribute(file(), "format") != "penstock") refuse("it is an HDF5 file, but not one of Penstock");
    if (h5::number_attribute(file(), "format_version") > kStreamsFormatVersion)
        refuse("a newer version of Penstock has written it");
    is_segment_ = h5::text_attribute(file(), "kind") == "segment";
    const auto numbers = is_segment_ ? h5::numbers_attribute(file(), "segment") : collected_segments(file());
    for (std::size_t i = 0; i + 5 <= numbers.size(); i += 5) segments_.push_back(segment_of(&numbers[i]));

    job_group_ = h5::open_group(file(), "jobs");
    jobs_ = job_column(column(JobColumn::number)).rows();
    if (h5::exists(file(), "attempts")) {
        attempt_group_ = h5::open_group(file(), "attempts");
        attempts_ = attempt_column(column(AttemptColumn::job)).rows();
    }
    if (h5::exists(file(), "results")) results_group_ = h5::open_group(file(), "results");
    if (h5::exists(file(), "streams")) streams_group_ = h5::open_group(file(), "streams");
}

std::vector<Source::Pipeline> Source::pipelines() const {
    const h5::Handle table = h5::open_group(file(), "pipelines");
    const auto names = open_cells(table.id(), "name");
    const auto instances = open_cells(table.id(), "instance");
    const auto data = open_cells(table.id(), "data");
    std::array<Buffer, kPipelineColumns.size()> cells;
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = whole(table.id(), kPipelineColumns[i]);
    const auto cell = [&]<class T>(PipelineColumn c, std::uint64_t row, T) {
        return cells[static_cast<std::size_t>(c)].as<T>()[row];
    };
    std::vector<Pipeline> pipelines(names->rows());
    for (std::uint64_t row = 0; row < pipelines.size(); ++row) {
        Pipeline& p = pipelines[row];
        p.name = names->text(row);
        p.instance = instances->text(row);
        p.data = data->text(row);
        p.id = cell(PipelineColumn::id, row, std::uint32_t{});
        p.status = static_cast<JobStatus>(cell(PipelineColumn::status, row, std::uint8_t{}));
        p.ended = cell(PipelineColumn::ended, row, std::uint8_t{}) != 0;
        p.submitted = cell(PipelineColumn::submitted, row, std::int64_t{});
        p.started = cell(PipelineColumn::started, row, std::int64_t{});
        p.finished = cell(PipelineColumn::finished, row, std::int64_t{});
    }
    return pipelines;
}

std::vector<Source::Template> Source::templates() const {
    const h5::Handle table = h5::open_group(file(), "@templates");
    const auto names = open_cells(table.id(), "name");
    const auto workers = open_cells(table.id(), "worker");
    const auto parameters = open_cells(table.id(), "parameters");
    const Buffer pipeline_rows = whole(h5::DatasetReader(table.id(), "pipeline", H5T_NATIVE_UINT32, 4));
    const Buffer first_jobs = whole(table.id(), column(TemplateColumn::first_job));
    const Buffer counts = whole(table.id(), column(TemplateColumn::count));
    std::vector<Template> templates(names->rows());
    for (std::uint64_t row = 0; row < templates.size(); ++row)
        templates[row] = {pipeline_rows.as<std::uint32_t>()[row], std::string(names->text(row)),
                          std::string(workers->text(row)),        std::string(parameters->text(row)),
                          first_jobs.as<std::uint32_t>()[row],    counts.as<std::uint32_t>()[row]};
    return templates;
}

h5::DatasetReader Source::job_column(const FixedColumn& column) const {
    return {job_group_.id(), column.name, column.type(), column.bytes()};
}

bool Source::has_job_column(const char* name) const { return h5::exists(job_group_.id(), name); }

std::unique_ptr<VariableCells> Source::job_texts(const char* name) const { return open_cells(job_group_.id(), name); }

std::unique_ptr<VariableCells> Source::errors() const {
    const h5::Handle table = h5::open_group(file(), "@errors");
    return open_cells(table.id(), "text");
}

h5::DatasetReader Source::attempt_column(const FixedColumn& column) const {
    return {attempt_group_.id(), column.name, column.type(), column.bytes()};
}

std::unique_ptr<VariableCells> Source::attempt_texts(const char* name) const {
    return open_cells(attempt_group_.id(), name);
}

// Templates with few rows: their documents, read back into columns.
void Source::load_small_groups() {
    small_loaded_ = true;
    if (!h5::exists(file(), "@rows")) return;
    const h5::Handle table = h5::open_group(file(), "@rows");
    const Buffer jobs = whole(h5::DatasetReader(table.id(), "@job", H5T_NATIVE_UINT32, 4));
    const Buffer templates = whole(h5::DatasetReader(table.id(), "template", H5T_NATIVE_UINT32, 4));
    const auto documents = open_column(table.id(), kDocument, {});
    for (std::uint64_t row = 0; row < documents->rows(); ++row) {
        auto& group = small_groups_[templates.as<std::uint32_t>()[row]];
        if (!group) group = std::make_shared<ResultGroup>();
        const Value document = documents->at(row);
        group->add(jobs.as<std::uint32_t>()[row], at(document.map(), "for-each").map(),
                   at(document.map(), "values").map(), {});
    }
}

std::unique_ptr<ResultTableReader> Source::table(std::uint32_t template_row, const std::string& job,
                                                 const std::string& pipeline) {
    if (!small_loaded_) load_small_groups();
    if (const auto small = small_groups_.find(template_row); small != small_groups_.end())
        return std::make_unique<SmallTable>(small->second);
    if (!results_group_) return nullptr;
    const std::string link = link_name(pipeline);
    if (link != last_pipeline_link_) {
        if (!h5::exists(results_group_.id(), link)) return nullptr;
        last_pipeline_group_ = h5::open_group(results_group_.id(), link);
        last_pipeline_link_ = link;
    }
    const std::string job_link = link_name(job);
    if (!h5::exists(last_pipeline_group_.id(), job_link)) return nullptr;
    return std::make_unique<GroupTable>(h5::open_group(last_pipeline_group_.id(), job_link),
                                        large_values_of(path().parent_path()));
}

std::optional<h5::Handle> Source::stream_table(const std::string& pipeline) const {
    if (!streams_group_ || !h5::exists(streams_group_.id(), link_name(pipeline))) return std::nullopt;
    return h5::open_group(streams_group_.id(), link_name(pipeline));
}

std::vector<StreamRun> Source::stream_runs(const std::string& pipeline, const std::string& stage) const {
    const auto table = stream_table(pipeline);
    if (!table || !h5::exists(table->id(), kRuns)) return {};
    const h5::Handle all = h5::open_group(table->id(), kRuns);
    if (!h5::exists(all.id(), link_name(stage))) return {};
    const Buffer numbers = whole(h5::DatasetReader(all.id(), link_name(stage), H5T_NATIVE_INT64, 8));
    const auto items = stream_items(pipeline, stage);
    return StreamRuns::of(numbers.as<std::uint64_t>(), items ? items->rows() : 0);
}

std::unique_ptr<ColumnReader> Source::stream_items(const std::string& pipeline, const std::string& stage) const {
    const auto table = stream_table(pipeline);
    if (!table || !h5::exists(table->id(), link_name(stage))) return nullptr;
    return open_column(table->id(), link_name(stage), large_values_of(path().parent_path()));
}

LoadLarge large_values_of(const std::filesystem::path& folder) {
    return [folder](const std::string& name) {
        if (!parse_value_file_name(name))  // never a path
            throw StoreError(fmt::format("\"{}\" is no name of a file of values: the segment is damaged", name));
        const h5::ReadFile file(folder / name, h5::Checksums::required);
        const h5::Handle dataset(h5::checked(H5Dopen2(file.id(), "value", H5P_DEFAULT), name), H5Dclose);
        const h5::Handle type(h5::checked(H5Dget_type(dataset.id()), name), H5Tclose);
        h5::DatasetReader reader(file.id(), "value", type.id(), H5Tget_size(type.id()));
        return std::make_shared<const Buffer>(whole(std::move(reader)));
    };
}

}  // namespace penstock
