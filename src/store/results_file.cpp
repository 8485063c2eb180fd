#include "store/results_file.hpp"

#include "store/error_texts.hpp"
#include "store/gather.hpp"
#include "store/text_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace penstock {

namespace {

constexpr std::size_t kMostDefinitions = 1000;  // in the attributes

template <class Texts>
std::size_t longest_of(const Texts& texts) {
    std::size_t longest = 0;
    for (const std::string_view text : texts) longest = std::max(longest, text.size());
    return longest;
}

template <class TextOf>
void write_texts(hid_t table, const char* name, std::uint64_t rows, std::size_t longest, TextOf text_of) {
    TextWriter writer(table, name, rows, longest);
    for (std::uint64_t row = 0; row < rows; ++row) writer.add(text_of(row));
    writer.finish();
}

std::string_view status_text(JobStatus status) { return job_status_name(status); }

// "succeeded" is as long as any.
constexpr std::size_t kLongestStatus = 9;

}  // namespace

// ---------------------------------------------------------------------------------------------- attributes

void write_description(hid_t file, const RunDescription& description) {
    std::vector<std::string> names, texts, directories;
    std::vector<std::uint64_t> hashes;
    for (const auto& definition : description.definitions) {
        if (names.size() == kMostDefinitions) break;
        names.push_back(definition.name);
        texts.push_back(definition.text);
        directories.push_back(definition.directory);
        hashes.push_back(definition.hash);
    }
    if (!names.empty()) {
        h5::write_attribute(file, "definition_name", names);
        h5::write_attribute(file, "definition", texts);
        h5::write_attribute(file, "definition_directory", directories);
        h5::write_attribute(file, "definition_hash", hashes);
    }
    if (!description.command_lines.empty()) h5::write_attribute(file, "command_line", description.command_lines);
    if (!description.versions.empty()) h5::write_attribute(file, "versions", description.versions);
}

RunDescription read_description(hid_t file) {
    RunDescription description;
    const auto names = h5::texts_attribute(file, "definition_name");
    const auto texts = h5::texts_attribute(file, "definition");
    const auto directories = h5::texts_attribute(file, "definition_directory");
    const auto hashes = h5::numbers_attribute(file, "definition_hash");
    for (std::size_t i = 0; i < names.size() && i < texts.size() && i < directories.size() && i < hashes.size(); ++i)
        description.definitions.push_back({names[i], texts[i], directories[i], hashes[i]});
    description.command_lines = h5::texts_attribute(file, "command_line");
    description.versions = h5::texts_attribute(file, "versions");
    return description;
}

void ResultsFileWriter::write_attributes(const RunDescription& description) {
    const hid_t id = file_.id();
    h5::write_attribute(id, "format", "penstock");
    h5::write_attribute(id, "format_version", catalog_.streams.empty() ? kFormatVersion : kStreamsFormatVersion);
    h5::write_attribute(id, "kind", "results");
    write_description(id, description);
    std::int64_t start = 0, end = 0;  // of what is in the file
    for (const Source::Pipeline& p : catalog_.pipelines) {
        if (!p.ended) continue;
        if (p.submitted != 0) start = start == 0 ? p.submitted : std::min(start, p.submitted);
        end = std::max(end, p.finished);
    }
    h5::write_attribute(id, "start", static_cast<std::uint64_t>(start));
    h5::write_attribute(id, "end", static_cast<std::uint64_t>(end));
    Buffer ranges;
    for (const SegmentId& s : catalog_.segments)
        for (const std::uint64_t number : {std::uint64_t{s.writer.incarnation}, std::uint64_t{s.writer.rank},
                                           std::uint64_t{s.writer.epoch}, s.first, s.last})
            ranges.put(number);
    h5::write_dataset(id, "@segments", {H5T_NATIVE_UINT64, 8, {5}}, catalog_.segments.size(), ranges,
                      h5::kResultsChunkBytes);
}

// ---------------------------------------------------------------------------------------------- small tables

void ResultsFileWriter::write_pipelines() {
    const TableGroup table = TableGroup::create(file_.id(), "pipelines");
    const auto& rows = catalog_.pipelines;
    const auto texts = [&](const char* name, auto text_of) {
        std::size_t longest = 0;
        for (const auto& row : rows) longest = std::max(longest, std::string_view(text_of(row)).size());
        write_texts(table.id(), name, rows.size(), longest,
                    [&](std::uint64_t i) { return std::string_view(text_of(rows[i])); });
    };
    texts("name", [](const auto& p) -> const std::string& { return p.name; });
    texts("instance", [](const auto& p) -> const std::string& { return p.instance; });
    texts("data", [](const auto& p) -> const std::string& { return p.data; });
    texts("status", [](const auto& p) { return status_text(p.ended ? p.status : JobStatus::running); });
    const auto numbers = [&]<class T>(PipelineColumn c, T, auto value_of) {
        write_numbers<T>(table.id(), column(c).name, column(c).type(), rows.size(),
                         [&](std::uint64_t i) { return value_of(rows[i]); });
    };
    numbers(PipelineColumn::id, std::uint32_t{}, [](const auto& p) { return p.id; });
    numbers(PipelineColumn::status, std::uint8_t{}, [](const auto& p) { return p.status; });
    numbers(PipelineColumn::ended, std::uint8_t{}, [](const auto& p) { return p.ended; });
    numbers(PipelineColumn::submitted, std::int64_t{}, [](const auto& p) { return p.submitted; });
    numbers(PipelineColumn::started, std::int64_t{}, [](const auto& p) { return p.started; });
    numbers(PipelineColumn::finished, std::int64_t{}, [](const auto& p) { return p.finished; });
}

void ResultsFileWriter::write_templates() {
    const TableGroup table = TableGroup::create(file_.id(), "@templates");
    const auto& rows = catalog_.templates;
    const auto texts = [&](const char* name, auto text_of) {
        std::size_t longest = 0;
        for (const auto& row : rows) longest = std::max(longest, std::string_view(text_of(row)).size());
        write_texts(table.id(), name, rows.size(), longest,
                    [&](std::uint64_t i) { return std::string_view(text_of(rows[i])); });
    };
    texts("name", [](const auto& t) -> const std::string& { return t.name; });
    texts("worker", [](const auto& t) -> const std::string& { return t.worker; });
    texts("parameters", [](const auto& t) -> const std::string& { return t.parameters_text; });
    const auto numbers = [&](const char* name, auto value_of) {
        write_numbers<std::uint32_t>(table.id(), name, H5T_NATIVE_UINT32, rows.size(),
                                     [&](std::uint64_t i) { return value_of(rows[i]); });
    };
    numbers("pipeline", [](const auto& t) { return t.pipeline; });
    numbers(column(TemplateColumn::first_job).name, [](const auto& t) { return t.first_job; });
    numbers(column(TemplateColumn::count).name, [](const auto& t) { return t.count; });
}

// ---------------------------------------------------------------------------------------------- jobs

void ResultsFileWriter::write_jobs() {
    const TableGroup table = TableGroup::create(file_.id(), "jobs");
    const auto& jobs = catalog_.jobs;
    const auto number = [&]<class T>(const FixedColumn& c, T, auto value_of) {
        write_numbers<T>(table.id(), c.name, c.type(), jobs.size(), [&](std::uint64_t i) { return value_of(jobs[i]); });
    };
    number(column(JobColumn::pipeline), std::uint32_t{}, [](const auto& j) { return j.pipeline; });
    number(column(JobColumn::job_template), std::uint32_t{}, [](const auto& j) { return j.job_template; });
    number(column(JobColumn::number), std::uint32_t{}, [](const auto& j) { return j.number; });
    number(column(JobColumn::attempt), std::uint32_t{}, [](const auto& j) { return j.attempt; });
    number(kAttemptsColumn, std::uint32_t{}, [](const auto& j) { return j.attempts; });
    number(kIncarnationColumn, std::uint32_t{}, [](const auto& j) { return j.incarnation; });
    number(kRemovedColumn, std::uint8_t{}, [](const auto& j) { return j.removed; });
    number(column(JobColumn::status), std::uint8_t{}, [](const auto& j) { return j.status; });
    number(column(JobColumn::final_attempt), std::uint8_t{}, [](const auto& j) { return j.final_attempt; });
    for (const JobColumn c : {JobColumn::broker, JobColumn::slot, JobColumn::submitted, JobColumn::started,
                              JobColumn::finished, JobColumn::hash})
        gather_column(table.id(), sources_,
                      {column(c),
                       jobs.size(),
                       [&](std::uint64_t i) {
                           return SourceRow{jobs[i].source * SourceRow::kTablesPerSource, jobs[i].row};
                       },
                       [&](const Source& source, std::uint32_t) { return source.job_column(column(c)); },
                       {}});
    file_.check();
    write_job_texts(table.id());
    write_errors(table.id());
}

void ResultsFileWriter::write_job_texts(hid_t table) {
    const auto& jobs = catalog_.jobs;
    const auto& templates = catalog_.templates;
    std::size_t longest_name = 0, longest_worker = 0, longest_label = 0;
    for (const Catalog::Template& t : templates) {
        longest_name = std::max(longest_name, t.name.size());
        longest_worker = std::max(longest_worker, t.worker.size());
    }
    write_texts(table, "name", jobs.size(), longest_name,
                [&](std::uint64_t i) { return std::string_view(templates[jobs[i].job_template].name); });
    write_texts(table, "worker", jobs.size(), longest_worker,
                [&](std::uint64_t i) { return std::string_view(templates[jobs[i].job_template].worker); });
    write_texts(table, "status", jobs.size(), kLongestStatus,
                [&](std::uint64_t i) { return status_text(jobs[i].status); });
    {
        Labels labels(sources_, catalog_);
        for (const Catalog::Job& job : jobs) longest_label = std::max(longest_label, labels.of(job).size());
    }
    Labels labels(sources_, catalog_);
    write_texts(table, "instance", jobs.size(), longest_label, [&](std::uint64_t i) { return labels.of(jobs[i]); });
}

void ResultsFileWriter::write_errors(hid_t table) {
    ErrorTexts errors = ErrorTexts::of_jobs(sources_);
    VariableWriter writer = VariableWriter::texts(table, "error", catalog_.jobs.size());
    for (const Catalog::Job& job : catalog_.jobs)
        writer.add(job.status == JobStatus::succeeded ? std::string_view() : errors.of(job.source, job.row));
    writer.finish();
}

// ---------------------------------------------------------------------------------------------- attempts

namespace {

// The column of /jobs that has what one of /attempts would, for attempts without a row there.
std::optional<JobColumn> same_in_jobs(AttemptColumn c) {
    switch (c) {
        case AttemptColumn::broker:
            return JobColumn::broker;
        case AttemptColumn::slot:
            return JobColumn::slot;
        case AttemptColumn::started:
            return JobColumn::started;
        case AttemptColumn::finished:
            return JobColumn::finished;
        default:
            return std::nullopt;
    }
}

}  // namespace

void ResultsFileWriter::write_attempts() {
    const TableGroup table = TableGroup::create(file_.id(), "attempts");
    const auto& attempts = catalog_.attempts;
    write_numbers<std::uint32_t>(table.id(), column(AttemptColumn::job).name, H5T_NATIVE_UINT32, attempts.size(),
                                 [&](std::uint64_t i) { return attempts[i].job; });
    write_numbers<std::uint32_t>(table.id(), column(AttemptColumn::number).name, H5T_NATIVE_UINT32, attempts.size(),
                                 [&](std::uint64_t i) { return attempts[i].number; });
    constexpr std::size_t kLongestReason = 11;  // missing_key, lost_broker
    TextWriter reasons(table.id(), "reason", attempts.size(), kLongestReason);
    for (const AttemptColumn c : {AttemptColumn::broker, AttemptColumn::slot, AttemptColumn::started,
                                  AttemptColumn::finished, AttemptColumn::reason, AttemptColumn::exit_code,
                                  AttemptColumn::signal, AttemptColumn::peak_memory, AttemptColumn::cpu}) {
        const std::optional<JobColumn> in_jobs = same_in_jobs(c);
        GatheredColumn gathered{
            column(c),
            attempts.size(),
            [&](std::uint64_t i) {
                const Catalog::Attempt& a = attempts[i];
                if (!a.recorded && !in_jobs) return SourceRow{};
                return SourceRow{a.source * SourceRow::kTablesPerSource + (a.recorded ? 1 : 0), a.row};
            },
            [&](const Source& source, std::uint32_t which) {
                return which % SourceRow::kTablesPerSource == 1 ? source.attempt_column(column(c))
                                                                : source.job_column(column(*in_jobs));
            },
            {}};
        if (c == AttemptColumn::reason)
            gathered.also = [&](const Buffer& cells) {
                for (const std::uint8_t code : cells.as<std::uint8_t>())
                    reasons.add(end_reason_name(static_cast<EndReason>(code)));
            };
        gather_column(table.id(), sources_, gathered);
    }
    reasons.finish();
    write_attempt_texts(table.id());
}

void ResultsFileWriter::write_attempt_texts(hid_t table) {
    ErrorTexts errors = ErrorTexts::of_attempts(sources_);
    VariableWriter error_writer = VariableWriter::texts(table, "error", catalog_.attempts.size());
    for (const Catalog::Attempt& a : catalog_.attempts)
        error_writer.add(a.recorded ? errors.of(a.source, a.row) : std::string_view());
    error_writer.finish();

    std::map<std::uint32_t, std::unique_ptr<VariableCells>> logs;
    VariableWriter log_writer = VariableWriter::texts(table, "log", catalog_.attempts.size());
    for (const Catalog::Attempt& a : catalog_.attempts) {
        if (!a.recorded) {
            log_writer.add(std::string_view());
            continue;
        }
        sources_.reading(a.source, [&] {
            if (logs.size() == SourcePool::kMostOpen && !logs.contains(a.source)) logs.clear();
            auto& log = logs[a.source];
            if (!log) log = sources_.open(a.source)->attempt_texts("log");
            log_writer.add(log->text(a.row));
        });
    }
    log_writer.finish();
}

// ---------------------------------------------------------------------------------------------- results

void ResultsFileWriter::write_results() {
    // The jobs of each template that succeeded, in order.
    const auto& jobs = catalog_.jobs;
    std::vector<std::uint32_t> begin(catalog_.templates.size() + 1, 0);
    for (const Catalog::Job& job : jobs)
        if (job.status == JobStatus::succeeded) ++begin[job.job_template + 1];
    for (std::size_t t = 1; t < begin.size(); ++t) begin[t] += begin[t - 1];
    std::vector<std::uint32_t> ordered(begin.back());
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    for (std::uint32_t i = 0; i < jobs.size(); ++i)
        if (jobs[i].status == JobStatus::succeeded) ordered[next[jobs[i].job_template]++] = i;

    const h5::Handle results = h5::create_group(file_.id(), "results");
    h5::Handle pipeline;
    std::uint32_t pipeline_row = TableRow::kNowhere;
    for (std::uint32_t t = 0; t < catalog_.templates.size(); ++t) {
        if (begin[t] == begin[t + 1]) continue;
        if (catalog_.templates[t].pipeline != pipeline_row) {
            pipeline_row = catalog_.templates[t].pipeline;
            pipeline = h5::create_group(results.id(), link_name(catalog_.pipelines[pipeline_row].name));
        }
        write_result_table(t, std::span(ordered).subspan(begin[t], begin[t + 1] - begin[t]), pipeline.id());
        file_.check();
    }
}

namespace {

// The tables one template has in the sources, and which of their rows the new table takes.
struct TemplateParts {
    std::vector<std::unique_ptr<ResultTableReader>> tables;  // beside Template::places; null = none there
    std::vector<TableRow> rows;

    bool any() const {
        return std::any_of(tables.begin(), tables.end(), [](const auto& table) { return table != nullptr; });
    }
    template <class ColumnsOf>
    std::set<std::string> names(ColumnsOf columns_of) const {
        std::set<std::string> found;
        for (const auto& table : tables)
            if (table)
                for (std::string& name : columns_of(*table)) found.insert(std::move(name));
        return found;
    }
};

TemplateParts parts_of(SourcePool& sources, const Catalog& catalog, const Catalog::Template& t,
                       std::span<const std::uint32_t> jobs) {
    TemplateParts parts;
    for (const auto& place : t.places)
        parts.tables.push_back(sources.reading(place.source, [&] {
            return sources.open(place.source)->table(place.row, t.name, catalog.pipeline_name(t));
        }));
    parts.rows.resize(jobs.size());
    std::vector<std::uint64_t> hints(parts.tables.size(), 0);
    std::uint32_t part = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const Catalog::Job& job = catalog.jobs[jobs[i]];
        if (t.places[part].source != job.source)
            part = static_cast<std::uint32_t>(std::lower_bound(t.places.begin(), t.places.end(), job.source,
                                                               [](const Catalog::Template::Place& p,
                                                                  std::uint32_t source) { return p.source < source; }) -
                                              t.places.begin());
        const auto& table = parts.tables[part];
        if (!table) continue;
        const std::uint64_t row = row_in(table->jobs(), job.row, hints[part]);
        if (row < table->rows()) parts.rows[i] = {part, row};
    }
    return parts;
}

}  // namespace

void ResultsFileWriter::write_result_table(std::uint32_t job_template, std::span<const std::uint32_t> jobs,
                                           hid_t pipeline) {
    const Catalog::Template& t = catalog_.templates[job_template];
    const TemplateParts parts = parts_of(sources_, catalog_, t, jobs);
    if (!parts.any()) return;
    TableGroup table = TableGroup::create(pipeline, link_name(t.name));
    h5::write_attribute(table.id(), "template", job_template);
    write_numbers<std::uint32_t>(table.id(), "@job", H5T_NATIVE_UINT32, jobs.size(),
                                 [&](std::uint64_t i) { return jobs[i]; });
    write_numbers<std::uint32_t>(table.id(), "@pipeline", H5T_NATIVE_UINT32, jobs.size(),
                                 [&](std::uint64_t i) { return catalog_.jobs[jobs[i]].pipeline; });

    const auto write_column = [&](TableGroup& to, const std::string& name, auto open_in) {
        ColumnParts columns(
            [&](std::uint32_t part) {
                return parts.tables[part] ? open_in(*parts.tables[part]) : std::unique_ptr<ColumnReader>();
            },
            [&](std::uint32_t part, const std::function<void()>& read) {
                sources_.reading(t.places[part].source, read);
            });
        TableRows rows(parts.rows);
        const ColumnContents contents = contents_of(columns, static_cast<std::uint32_t>(t.places.size()), rows);
        if (contents.empty()) return;
        if (auto warning = write_value_column(to, name, contents, columns, rows))
            warnings_.push_back(fmt::format("{}/{}: {}", catalog_.pipeline_name(t), t.name, *warning));
        file_.check();
    };
    if (!t.parameters.empty()) {
        TableGroup parameters = TableGroup::create(table.id(), kForEach);
        for (const std::string& name : t.parameters)
            write_column(parameters, name, [&](ResultTableReader& reader) { return reader.parameter(name); });
    }
    for (const std::string& key : parts.names([](ResultTableReader& reader) { return reader.outputs(); }))
        write_column(table, key, [&](ResultTableReader& reader) { return reader.output(key); });
}

void ResultsFileWriter::write(const RunDescription& description) {
    write_attributes(description);
    write_pipelines();
    write_templates();
    write_jobs();
    write_attempts();
    file_.write_back();
    write_results();
    if (!catalog_.streams.empty()) write_streams();
}

}  // namespace penstock
