#include "store/results.hpp"

#include "store/error_texts.hpp"
#include "store/run_sources.hpp"
#include "store/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

namespace penstock {

namespace {

constexpr double kSecondsPerNanosecond = 1e-9;

// The columns of one template in one source.
struct OpenTable {
    std::shared_ptr<Source> source;
    std::unique_ptr<ResultTableReader> reader;
    std::map<std::string, std::unique_ptr<ColumnReader>> parameters, outputs;
    std::uint64_t hint = 0;
};

// The items of one stage in one source.
struct OpenItems {
    std::shared_ptr<Source> source;
    std::unique_ptr<ColumnReader> column;
};

class RunResults final : public Results {
private:
    void load() const {
        tables_.clear();
        items_.clear();
        labels_.clear();
        template_rows_.clear();
        run_.read(false, [&](SourcePool sources, Catalog catalog) {
            sources_ = std::move(sources);
            catalog_ = std::move(catalog);
        });
        for (std::uint32_t t = 0; t < catalog_.templates.size(); ++t)
            template_rows_[{catalog_.pipeline_name(catalog_.templates[t]), catalog_.templates[t].name}] = t;
        template_jobs_.assign(catalog_.templates.size(), {});
        for (std::uint32_t i = 0; i < catalog_.jobs.size(); ++i)
            template_jobs_[catalog_.jobs[i].job_template].push_back(i);
    }

    // Segments may be merged while they are read: what vanished is somewhere else then.
    template <class Read>
    auto retried(Read read) const {
        for (int tries = 0;; ++tries) {
            try {
                return read();
            } catch (const SourceFailed& failure) {
                if (tries == 20 || std::filesystem::exists(failure.path())) throw;
            }
            load();  // the same rows, and newer ones
        }
    }

public:
    explicit RunResults(const std::filesystem::path& run) : run_(run) { load(); }

    void refresh() override { load(); }

    std::vector<JobRow> jobs() const override {
        return retried([&] { return read_jobs(); });
    }

    std::vector<std::string> pipelines() const override {
        std::vector<std::string> names;
        for (const auto& p : catalog_.pipelines)
            if (std::find(names.rbegin(), names.rend(), p.name) == names.rend()) names.push_back(p.name);
        return names;
    }

    std::vector<AttemptRow> attempts(const JobRow& job) const override {
        return retried([&] { return read_attempts(job); });
    }

    ResultTable table(const std::string& pipeline, const std::string& job) const override {
        return retried([&] { return read_table(pipeline, job); });
    }

    std::optional<Document> outputs(const std::string& pipeline, const std::string& pipeline_instance,
                                    const std::string& job, const std::string& instance) const override {
        return retried([&] { return read_outputs(pipeline, pipeline_instance, job, instance); });
    }

    std::vector<StreamRow> streams() const override { return streams_that(false); }
    std::vector<StreamRow> stage_counts() const override { return streams_that(true); }
    std::vector<Value> stream_items(const std::string& pipeline, const std::string& pipeline_instance,
                                    const std::string& stage, std::uint64_t first, std::uint64_t count) const override {
        return retried([&] { return read_items(pipeline, pipeline_instance, stage, first, count); });
    }

    std::vector<Definition> definitions() const override {
        std::vector<Definition> found;
        for (const auto& definition : run_.description().definitions)
            found.push_back({definition.text, definition.directory});
        return found;
    }

private:
    std::vector<StreamRow> streams_that(bool count) const {
        std::vector<StreamRow> rows;
        const PlacedRun* last = nullptr;
        for (const PlacedRun& placed : catalog_.streams) {
            if ((catalog_.templates[placed.job_template].name == kStageCounts) != count) continue;
            if (last == nullptr || last->job_template != placed.job_template ||
                last->run.pipeline != placed.run.pipeline)
                rows.push_back({catalog_.pipelines[placed.run.pipeline].name,
                                catalog_.pipelines[placed.run.pipeline].instance,
                                catalog_.templates[placed.job_template].name, 0});
            rows.back().items += placed.run.count;
            last = &placed;
        }
        return rows;
    }

    std::vector<JobRow> read_jobs() const {
        std::vector<JobRow> rows(catalog_.jobs.size());
        Labels labels(sources_, catalog_);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Catalog::Job& job = catalog_.jobs[i];
            const Catalog::Template& t = catalog_.templates[job.job_template];
            const Source::Pipeline& p = catalog_.pipelines[job.pipeline];
            rows[i].pipeline = p.name;
            rows[i].pipeline_instance = p.instance;
            rows[i].name = t.name;
            rows[i].instance = labels.of(job);
            rows[i].number = job.number;
            rows[i].worker = t.worker;
            rows[i].status = job.status;
            rows[i].attempts = job.attempts;
        }
        fill<std::uint32_t>(JobColumn::broker, rows, [](JobRow& row, std::uint32_t v) { row.broker = v; });
        fill<std::uint32_t>(JobColumn::slot, rows, [](JobRow& row, std::uint32_t v) { row.slot = v; });
        fill<std::uint64_t>(JobColumn::hash, rows, [](JobRow& row, std::uint64_t v) { row.hash = v; });
        const auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) * kSecondsPerNanosecond; };
        fill<std::int64_t>(JobColumn::submitted, rows,
                           [&](JobRow& row, std::int64_t v) { row.submitted = seconds(v); });
        fill<std::int64_t>(JobColumn::started, rows, [&](JobRow& row, std::int64_t v) { row.started = seconds(v); });
        fill<std::int64_t>(JobColumn::finished, rows, [&](JobRow& row, std::int64_t v) { row.finished = seconds(v); });
        ErrorTexts errors = ErrorTexts::of_jobs(sources_);
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (rows[i].status != JobStatus::succeeded)
                rows[i].error = errors.of(catalog_.jobs[i].source, catalog_.jobs[i].row);
        return rows;
    }

    template <class T, class Set>
    void fill(JobColumn c, std::vector<JobRow>& rows, Set set) const {
        std::map<std::uint32_t, h5::DatasetReader> readers;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Catalog::Job& job = catalog_.jobs[i];
            sources_.reading(job.source, [&] {
                auto found = readers.find(job.source);
                if (found == readers.end()) {
                    if (readers.size() == SourcePool::kMostOpen) readers.clear();
                    found = readers.emplace(job.source, sources_.open(job.source)->job_column(column(c))).first;
                }
                T value;
                found->second.read(job.row, 1, reinterpret_cast<std::byte*>(&value));
                set(rows[i], value);
            });
        }
    }

    // ------------------------------------------------------------------------------------------ attempts

    std::vector<AttemptRow> read_attempts(const JobRow& wanted) const {
        std::vector<AttemptRow> rows;
        const auto found = template_rows_.find({wanted.pipeline, wanted.name});
        if (found == template_rows_.end()) return rows;
        run_.read(true, [&](SourcePool sources, Catalog catalog) {
            rows.clear();
            for (const Catalog::Attempt& a : catalog.attempts) {
                const Catalog::Job& job = catalog.jobs[a.job];
                const bool meant = job.number == wanted.number &&
                                   catalog.templates[job.job_template].name == wanted.name &&
                                   catalog.pipelines[job.pipeline].name == wanted.pipeline &&
                                   catalog.pipelines[job.pipeline].instance == wanted.pipeline_instance;
                if (meant) rows.push_back(read_attempt(sources, a));
            }
        });
        return rows;
    }

    static AttemptRow read_attempt(SourcePool& sources, const Catalog::Attempt& a) {
        return sources.reading(a.source, [&] {
            const std::shared_ptr<Source> source = sources.open(a.source);
            const auto cell = [&]<class T>(AttemptColumn in_attempts, JobColumn in_jobs, T) {
                T value{};
                h5::DatasetReader column_ =
                    a.recorded ? source->attempt_column(column(in_attempts)) : source->job_column(column(in_jobs));
                column_.read(a.row, 1, reinterpret_cast<std::byte*>(&value));
                return value;
            };
            AttemptRow row;
            row.number = a.number;
            row.broker = cell(AttemptColumn::broker, JobColumn::broker, std::uint32_t());
            row.slot = cell(AttemptColumn::slot, JobColumn::slot, std::uint32_t());
            const auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) * kSecondsPerNanosecond; };
            row.started = seconds(cell(AttemptColumn::started, JobColumn::started, std::int64_t()));
            row.finished = seconds(cell(AttemptColumn::finished, JobColumn::finished, std::int64_t()));
            if (!a.recorded) return row;  // it succeeded, and there is nothing to tell
            constexpr auto kNotThere = JobColumn::hash;
            row.reason = static_cast<EndReason>(cell(AttemptColumn::reason, kNotThere, std::uint8_t()));
            row.exit_code = cell(AttemptColumn::exit_code, kNotThere, std::int32_t());
            row.signal = cell(AttemptColumn::signal, kNotThere, std::int32_t());
            row.peak_memory_bytes = cell(AttemptColumn::peak_memory, kNotThere, std::uint64_t());
            row.error = ErrorTexts::of_attempts(sources).of(a.source, a.row);
            return row;
        });
    }

    // ------------------------------------------------------------------------------------------ values

    std::uint32_t find_template(const std::string& pipeline, const std::string& job) const {
        const auto found = template_rows_.find({pipeline, job});
        if (found != template_rows_.end()) return found->second;
        std::vector<std::string> names = pipelines();
        const bool known = std::find(names.begin(), names.end(), pipeline) != names.end();
        if (known) {
            names.clear();
            for (const Catalog::Template& t : catalog_.templates)
                if (catalog_.pipeline_name(t) == pipeline) names.push_back(t.name);
        }
        throw StoreError(
            known ? fmt::format("no job {} of pipeline {} has results so far. There are: {}.", job, pipeline,
                                listed(names))
                  : fmt::format("no pipeline {} has results so far. There are: {}.", pipeline, listed(names)));
    }

    static std::string listed(const std::vector<std::string>& names) {
        constexpr std::size_t kMost = 20;
        std::string text;
        for (std::size_t i = 0; i < names.size() && i < kMost; ++i) text += (i == 0 ? "" : ", ") + names[i];
        if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
        return text.empty() ? "none" : text;
    }

    // The template's columns in the source, null when it has none.
    OpenTable* open_table(const Catalog::Job& job) const {
        const auto [at, added] = tables_.try_emplace({job.source, job.job_template});
        if (added) {
            const Catalog::Template& t = catalog_.templates[job.job_template];
            const auto place =
                std::find_if(t.places.begin(), t.places.end(), [&](const auto& p) { return p.source == job.source; });
            OpenTable& table = at->second;
            table.source = sources_.open(job.source);
            table.reader = table.source->table(place->row, t.name, catalog_.pipeline_name(t));
            if (table.reader) {
                for (const std::string& name : table.reader->parameters())
                    table.parameters[name] = table.reader->parameter(name);
                for (const std::string& key : table.reader->outputs()) table.outputs[key] = table.reader->output(key);
            }
        }
        return at->second.reader ? &at->second : nullptr;
    }

    static Document document(std::map<std::string, std::unique_ptr<ColumnReader>>& columns, std::uint64_t row) {
        Document values;
        for (auto& [name, column] : columns)
            if (column->type(row) != kAbsent) values.emplace(name, column->at(row));
        return values;
    }

    struct Row {
        Document parameters;
        Document values;
    };
    Row read_row(const Catalog::Job& job) const {
        return sources_.reading(job.source, [&]() -> Row {
            OpenTable* table = open_table(job);
            if (table == nullptr) return {};
            const std::uint64_t row = row_in(table->reader->jobs(), job.row, table->hint);
            if (row == table->reader->rows()) return {};
            return {document(table->parameters, row), document(table->outputs, row)};
        });
    }

    ResultTable read_table(const std::string& pipeline, const std::string& job) const {
        const std::uint32_t t = find_template(pipeline, job);
        ResultTable result;
        result.parameter_names = catalog_.templates[t].parameters;
        std::set<std::string> keys;
        Labels labels(sources_, catalog_);
        for (const std::uint32_t i : template_jobs_[t]) {
            const Catalog::Job& row = catalog_.jobs[i];
            if (row.status != JobStatus::succeeded) continue;
            Row values = read_row(row);
            for (const auto& [key, value] : values.values) keys.insert(key);
            result.rows.push_back({catalog_.pipelines[row.pipeline].instance, std::string(labels.of(row)),
                                   std::move(values.parameters), std::move(values.values)});
        }
        result.keys.assign(keys.begin(), keys.end());
        tables_.clear();
        return result;
    }

    std::optional<Document> read_outputs(const std::string& pipeline, const std::string& pipeline_instance,
                                         const std::string& job, const std::string& instance) const {
        const auto found = template_rows_.find({pipeline, job});
        if (found == template_rows_.end()) return std::nullopt;
        const std::uint32_t t = found->second;
        auto& index = labels_[t];
        if (index.empty()) {
            Labels labels(sources_, catalog_);
            for (const std::uint32_t i : template_jobs_[t])
                index.emplace(catalog_.pipelines[catalog_.jobs[i].pipeline].instance + '\0' +
                                  std::string(labels.of(catalog_.jobs[i])),
                              i);
        }
        const auto at = index.find(pipeline_instance + '\0' + instance);
        if (at == index.end() || catalog_.jobs[at->second].status != JobStatus::succeeded) return std::nullopt;
        if (tables_.size() > kMostTables) tables_.clear();
        return read_row(catalog_.jobs[at->second]).values;
    }

    // ------------------------------------------------------------------------------------------ items of streams

    std::vector<Value> read_items(const std::string& pipeline, const std::string& pipeline_instance,
                                  const std::string& stage, std::uint64_t first, std::uint64_t count) const {
        std::vector<Value> items;
        const auto found = template_rows_.find({pipeline, stage});
        if (found == template_rows_.end()) return items;
        for (const PlacedRun& placed : catalog_.streams) {
            if (placed.job_template != found->second ||
                catalog_.pipelines[placed.run.pipeline].instance != pipeline_instance)
                continue;
            const std::uint64_t skipped = std::min(first, placed.run.count);
            const std::uint64_t taken = std::min(count - items.size(), placed.run.count - skipped);
            first -= skipped;
            if (taken == 0) continue;
            sources_.reading(placed.source, [&] {
                ColumnReader& column = items_of(placed);
                for (std::uint64_t i = 0; i < taken; ++i) items.push_back(column.at(placed.row + skipped + i));
            });
        }
        return items;
    }

    ColumnReader& items_of(const PlacedRun& placed) const {
        if (items_.size() > kMostTables) items_.clear();
        OpenItems& open = items_[{placed.source, placed.job_template}];
        if (!open.column) {
            const Catalog::Template& t = catalog_.templates[placed.job_template];
            open.source = sources_.open(placed.source);
            open.column = open.source->stream_items(catalog_.pipeline_name(t), t.name);
            if (!open.column) throw StoreError("the items of a stream are not there: the file is damaged");
        }
        return *open.column;
    }

    static constexpr std::size_t kMostTables = 256;

    // All but run_ is what load() found.
    mutable RunSources run_;
    mutable SourcePool sources_{{}};
    mutable Catalog catalog_;
    mutable std::map<std::pair<std::string, std::string>, std::uint32_t> template_rows_;
    mutable std::vector<std::vector<std::uint32_t>> template_jobs_;                // of each template, indexes of jobs
    mutable std::map<std::pair<std::uint32_t, std::uint32_t>, OpenTable> tables_;  // by source and template
    mutable std::map<std::pair<std::uint32_t, std::uint32_t>, OpenItems> items_;   // the same
    mutable std::unordered_map<std::uint32_t, std::unordered_map<std::string, std::uint32_t>>
        labels_;  // of a template's jobs
};

}  // namespace

std::unique_ptr<Results> Results::open(const std::filesystem::path& run) { return std::make_unique<RunResults>(run); }

}  // namespace penstock
