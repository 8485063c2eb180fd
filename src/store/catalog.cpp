#include "store/catalog.hpp"

#include "store/segment_list.hpp"
#include "store/sort_by_key.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace penstock {

namespace {

constexpr std::uint32_t kNoJob = std::numeric_limits<std::uint32_t>::max();
using Codes = std::vector<std::uint32_t>;

Buffer whole(h5::DatasetReader reader) {
    Buffer content(reader.rows() * reader.row_bytes());
    reader.read(0, reader.rows(), content.data());
    return content;
}

// A column of a results file only; segments have one value for all of their rows.
Buffer whole_or(const Source& source, const FixedColumn& column, std::uint32_t otherwise) {
    if (source.has_job_column(column.name)) return whole(source.job_column(column));
    Buffer same;
    for (std::uint64_t row = 0; row < source.jobs(); ++row) same.put(otherwise);
    return same;
}

std::vector<std::string> names_of(const std::string& json) {
    std::vector<std::string> names;
    const Value list = from_json(json);
    for (const Value& name : list.list()) names.push_back(name.string());
    return names;
}

std::string joined(std::string_view a, std::string_view b) {
    std::string both(a);
    both += '\0';
    both += b;
    return both;
}

std::uint32_t latest_incarnation(const Source& source) {
    std::uint32_t latest = 0;
    for (const SegmentId& id : source.segments()) latest = std::max(latest, id.writer.incarnation);
    return latest;
}

// One row of some file's /jobs.
struct Entry {
    std::uint64_t key = 0;  // pipeline, then place in the definition
    std::uint64_t hash = 0;
    std::uint32_t source = 0;
    std::uint32_t row = 0;
    std::uint32_t job_template = 0;
    std::uint32_t number = 0;
    std::uint32_t attempt = 0;
    std::uint32_t attempts = 0;
    std::uint32_t incarnation = 0;
    JobStatus status = JobStatus::succeeded;
    bool final_attempt = true;
    bool removed = false;

    auto recency() const { return std::tuple(incarnation, attempts, final_attempt); }
};

// The rule of the header.
const Entry& final_of(const Entry* first, const Entry* last) {
    const Entry& latest =
        *std::max_element(first, last, [](const Entry& a, const Entry& b) { return a.recency() < b.recency(); });
    const Entry* best = &latest;
    for (const Entry* e = first; e != last; ++e) {
        if (e->hash != latest.hash || e->status != JobStatus::succeeded) continue;
        if (best->status != JobStatus::succeeded || e->attempt < best->attempt) best = e;
    }
    return *best;
}

class CatalogReader {
public:
    CatalogReader(SourcePool& sources, bool with_attempts, const Renumbering* renumbering)
        : sources_(sources), with_attempts_(with_attempts), renumbering_(renumbering) {}

    Catalog read() {
        known_.resize(sources_.size());
        for (std::uint32_t s = 0; s < sources_.size(); ++s)
            sources_.reading(s, [&] { read_names(s, *sources_.open(s)); });
        find_other_parameters();
        if (renumbering_ != nullptr) renumber_templates();
        put_in_order();
        for (std::uint32_t s = 0; s < sources_.size(); ++s)
            sources_.reading(s, [&] {
                read_jobs(s, *sources_.open(s));
                if (sources_.open(s)->has_streams()) read_streams(s, *sources_.open(s));
            });
        sort_by_key(entries_, [](const Entry& e) { return e.key; });
        choose();
        if (with_attempts_) gather_attempts();
        catalog_.streams = runs_that_count(std::move(catalog_.streams));
        catalog_.segments = joined_ranges(std::move(catalog_.segments));
        return std::move(catalog_);
    }

private:
    struct Known {  // of a file: what its codes are here
        Codes pipelines;
        Codes templates;
        std::uint32_t incarnation = 0;
        Codes job_of_row;  // filled by choose(), for attempts
    };

    // ------------------------------------------------------------------------------------------ names

    void read_names(std::uint32_t s, const Source& source) {
        Known& known = known_[s];
        known.incarnation = latest_incarnation(source);
        catalog_.segments.insert(catalog_.segments.end(), source.segments().begin(), source.segments().end());
        for (Source::Pipeline& p : source.pipelines())
            known.pipelines.push_back(add_pipeline(std::move(p), known.incarnation));
        std::uint32_t row = 0;
        for (const Source::Template& t : source.templates()) {
            const std::uint32_t code = add_template(t, known.pipelines.at(t.pipeline), known.incarnation);
            catalog_.templates[code].places.push_back({s, row++, nullptr});
            parameters_.push_back(t.parameters);
            known.templates.push_back(code);
        }
    }

    // A for-each that has changed has other names in older files.
    void find_other_parameters() {
        std::size_t read = 0;
        for (std::uint32_t s = 0; s < known_.size(); ++s)
            for (const std::uint32_t code : known_[s].templates) {
                Catalog::Template& t = catalog_.templates[code];
                const std::string& there = parameters_[read++];
                if (there == t.parameters_text) continue;
                const auto place =
                    std::find_if(t.places.begin(), t.places.end(), [&](const auto& p) { return p.source == s; });
                place->parameters = std::make_shared<const std::vector<std::string>>(names_of(there));
            }
        parameters_.clear();
    }

    bool is_renumbered(const Catalog::Template& t) const {
        return renumbering_ != nullptr && catalog_.pipeline_name(t) == renumbering_->pipeline;
    }

    void renumber_templates() {
        for (Catalog::Template& t : catalog_.templates) {
            if (!is_renumbered(t)) continue;
            const Renumbering::Template* const now = renumbering_->find(t.name);
            if (now == nullptr) {
                t.first_job += renumbering_->jobs;
                continue;
            }
            t.first_job = now->first_job;
            t.count = now->count;
            for (const std::uint32_t number : now->new_number) t.count = std::max(t.count, number + 1);
        }
    }

    // The number of a row's job now, and whether the definition still has it.
    void renumber(Entry& e) const {
        const Catalog::Template& t = catalog_.templates[e.job_template];
        if (!is_renumbered(t)) return;
        const Renumbering::Template* const now = renumbering_->find(t.name);
        if (now != nullptr && e.number < now->new_number.size()) e.number = now->new_number[e.number];
        e.removed = now == nullptr || e.number >= now->count;
    }

    std::uint32_t add_pipeline(Source::Pipeline pipeline, std::uint32_t incarnation) {
        auto& pipelines = catalog_.pipelines;
        const auto [at, added] =
            pipeline_codes_.try_emplace(joined(pipeline.name, pipeline.instance), pipelines.size());
        if (added) {
            pipelines.push_back(std::move(pipeline));
            pipeline_incarnations_.push_back(incarnation);
            return at->second;
        }
        Source::Pipeline& here = pipelines[at->second];
        std::uint32_t& here_incarnation = pipeline_incarnations_[at->second];
        if (incarnation == here_incarnation && pipeline.id != here.id) warn_of_twins(here);
        // The latest word about a pipeline counts, and that it ended more than that it was mentioned.
        if (std::tuple(incarnation, pipeline.ended, pipeline.finished) >
            std::tuple(here_incarnation, here.ended, here.finished)) {
            if (!pipeline.ended) pipeline.data = here.data;
            // Over several launches it goes on from the first to the last.
            if (here.submitted != 0 && here_incarnation != incarnation) pipeline.submitted = here.submitted;
            if (here.started != 0 && here_incarnation != incarnation) pipeline.started = here.started;
            here = std::move(pipeline);
            here_incarnation = incarnation;
        }
        return at->second;
    }

    void warn_of_twins(const Source::Pipeline& pipeline) {
        const std::string text =
            fmt::format("two pipelines are called {}{}{}: their jobs of one name are taken for the same job",
                        pipeline.name, pipeline.instance.empty() ? "" : " ", pipeline.instance);
        if (std::find(catalog_.warnings.begin(), catalog_.warnings.end(), text) == catalog_.warnings.end())
            catalog_.warnings.push_back(text);
    }

    std::uint32_t add_template(const Source::Template& t, std::uint32_t pipeline, std::uint32_t incarnation) {
        const std::string& definition = catalog_.pipelines[pipeline].name;
        const auto code = static_cast<std::uint32_t>(catalog_.templates.size());
        const auto [at, added] = template_codes_.try_emplace(joined(definition, t.name), code);
        if (added) {
            catalog_.templates.push_back(
                {pipeline, t.name, t.worker, names_of(t.parameters), t.parameters, t.first_job, t.count, {}});
            template_incarnations_.push_back(incarnation);
        }
        Catalog::Template& here = catalog_.templates[at->second];
        if (incarnation > template_incarnations_[at->second]) {
            here.worker = t.worker;
            here.parameters = names_of(t.parameters);
            here.parameters_text = t.parameters;
            here.first_job = t.first_job;
            template_incarnations_[at->second] = incarnation;
        }
        here.count = std::max(here.count, t.count);
        return at->second;
    }

    // ------------------------------------------------------------------------------------------ order

    void put_in_order() {
        order_pipelines();
        order_templates();
        // Where a template's first instance stands among the jobs of its definition. The counts of old and new
        // templates add up, so that none overlap.
        offsets_.resize(catalog_.templates.size());
        std::uint64_t offset = 0;
        for (std::size_t t = 0; t < catalog_.templates.size(); ++t) {
            const Catalog::Template& here = catalog_.templates[t];
            if (t == 0 || catalog_.templates[t - 1].pipeline != here.pipeline) offset = 0;
            offsets_[t] = offset;
            offset += here.count;
        }
    }

    void order_pipelines() {
        auto& pipelines = catalog_.pipelines;
        Codes order(pipelines.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return std::tie(pipelines[a].id, pipelines[a].name, pipelines[a].instance) <
                   std::tie(pipelines[b].id, pipelines[b].name, pipelines[b].instance);
        });
        Codes place(pipelines.size());
        std::vector<Source::Pipeline> ordered;
        for (const std::uint32_t old : order) {
            place[old] = static_cast<std::uint32_t>(ordered.size());
            ordered.push_back(std::move(pipelines[old]));
        }
        pipelines = std::move(ordered);
        for (Known& known : known_)
            for (std::uint32_t& code : known.pipelines) code = place[code];
        std::unordered_map<std::string, std::uint32_t> first_of;
        for (std::uint32_t p = 0; p < pipelines.size(); ++p) first_of.try_emplace(pipelines[p].name, p);
        for (Catalog::Template& t : catalog_.templates) t.pipeline = first_of.at(pipelines[place[t.pipeline]].name);
    }

    void order_templates() {
        auto& templates = catalog_.templates;
        Codes order(templates.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            return std::tie(templates[a].pipeline, templates[a].first_job, templates[a].name) <
                   std::tie(templates[b].pipeline, templates[b].first_job, templates[b].name);
        });
        Codes place(templates.size());
        std::vector<Catalog::Template> ordered;
        for (const std::uint32_t old : order) {
            place[old] = static_cast<std::uint32_t>(ordered.size());
            ordered.push_back(std::move(templates[old]));
        }
        templates = std::move(ordered);
        for (Known& known : known_)
            for (std::uint32_t& code : known.templates) code = place[code];
    }

    // ------------------------------------------------------------------------------------------ jobs

    void read_jobs(std::uint32_t s, const Source& source) {
        const Known& known = known_[s];
        const auto column_of = [&](JobColumn c) { return whole(source.job_column(column(c))); };
        const Buffer pipelines = column_of(JobColumn::pipeline), templates = column_of(JobColumn::job_template),
                     numbers = column_of(JobColumn::number), attempts = column_of(JobColumn::attempt),
                     statuses = column_of(JobColumn::status), finals = column_of(JobColumn::final_attempt),
                     hashes = column_of(JobColumn::hash);
        const bool segment = source.is_segment();
        const Buffer most_attempts = segment ? Buffer() : whole_or(source, kAttemptsColumn, 0);
        const bool marks = !segment && source.has_job_column(kRemovedColumn.name);
        const Buffer removed = marks ? whole(source.job_column(kRemovedColumn)) : Buffer();
        const Buffer incarnations = whole_or(source, kIncarnationColumn, known.incarnation);
        entries_.reserve(entries_.size() + source.jobs());
        for (std::uint32_t row = 0; row < source.jobs(); ++row) {
            const std::uint32_t pipeline = known.pipelines.at(pipelines.as<std::uint32_t>()[row]);
            Entry e;
            e.job_template = known.templates.at(templates.as<std::uint32_t>()[row]);
            e.number = numbers.as<std::uint32_t>()[row];
            if (marks) e.removed = removed.as<std::uint8_t>()[row] != 0;
            renumber(e);
            if (e.number >= catalog_.templates[e.job_template].count)
                throw StoreError("an instance has a number its job does not have: the file is damaged");
            e.key = std::uint64_t{pipeline} << 32 | (offsets_[e.job_template] + e.number);
            e.hash = hashes.as<std::uint64_t>()[row];
            e.source = s;
            e.row = row;
            e.attempt = attempts.as<std::uint32_t>()[row];
            e.attempts = segment ? e.attempt : most_attempts.as<std::uint32_t>()[row];
            e.incarnation = incarnations.as<std::uint32_t>()[row];
            e.status = static_cast<JobStatus>(statuses.as<std::uint8_t>()[row]);
            e.final_attempt = finals.as<std::uint8_t>()[row] != 0;
            entries_.push_back(e);
        }
    }

    void read_streams(std::uint32_t s, const Source& source) {
        for (const std::uint32_t code : known_[s].templates) {
            const Catalog::Template& t = catalog_.templates[code];
            std::uint64_t row = 0;
            for (StreamRun run : source.stream_runs(catalog_.pipeline_name(t), t.name)) {
                run.pipeline = known_[s].pipelines.at(run.pipeline);
                catalog_.streams.push_back({run, code, s, row});
                row += run.count;
            }
        }
    }

    void choose() {
        if (with_attempts_)
            for (std::uint32_t s = 0; s < sources_.size(); ++s)
                known_[s].job_of_row.resize(sources_.reading(s, [&] { return sources_.open(s)->jobs(); }), kNoJob);
        catalog_.jobs.reserve(entries_.size());
        for (std::size_t i = 0; i < entries_.size();) {
            const std::size_t begin = i;
            std::size_t end = i + 1;
            while (end < entries_.size() && entries_[end].key == entries_[i].key) ++end;
            const Entry& e = end == i + 1 ? entries_[i] : final_of(&entries_[i], &entries_[end]);
            const auto job = static_cast<std::uint32_t>(catalog_.jobs.size());
            std::uint32_t attempts = 0, incarnation = 0;
            for (; i < end; ++i) {
                attempts = std::max(attempts, entries_[i].attempts);
                incarnation = std::max(incarnation, entries_[i].incarnation);
                if (with_attempts_) known_[entries_[i].source].job_of_row[entries_[i].row] = job;
            }
            // A row of a later launch than the others says that it is there again.
            bool removed = e.removed;
            for (std::size_t k = begin; k < end; ++k)
                if (entries_[k].incarnation == incarnation && !entries_[k].removed) removed = false;
            const JobStatus status = e.final_attempt ? e.status : JobStatus::ready;
            catalog_.jobs.push_back({e.source, e.row, static_cast<std::uint32_t>(e.key >> 32), e.job_template, e.number,
                                     e.attempt, attempts, incarnation, status, e.final_attempt, e.hash, removed});
        }
    }

    // ------------------------------------------------------------------------------------------ attempts

    void gather_attempts() {
        // Of segments, a job's row with nothing about it in /attempts stands for an attempt with nothing to tell.
        std::vector<std::vector<bool>> recorded(sources_.size());
        std::vector<Catalog::Attempt> found;
        for (std::uint32_t s = 0; s < sources_.size(); ++s) {
            sources_.reading(s, [&] {
                const auto source = sources_.open(s);
                recorded[s].resize(source->jobs(), !source->is_segment());
                if (source->attempts() == 0) return;
                const Buffer jobs = whole(source->attempt_column(column(AttemptColumn::job)));
                const Buffer numbers = whole(source->attempt_column(column(AttemptColumn::number)));
                for (std::uint32_t row = 0; row < source->attempts(); ++row) {
                    const std::uint32_t job_row = jobs.as<std::uint32_t>()[row];
                    recorded[s].at(job_row) = true;
                    found.push_back({known_[s].job_of_row[job_row], numbers.as<std::uint32_t>()[row], s, row, true});
                }
            });
        }
        for (const Entry& e : entries_)
            if (e.attempt > 0 && !recorded[e.source][e.row])
                found.push_back({known_[e.source].job_of_row[e.row], e.attempt, e.source, e.row, false});
        sort_by_key(found, [](const Catalog::Attempt& a) { return std::uint64_t{a.job} << 32 | a.number; });
        const auto same = [](const Catalog::Attempt& a, const Catalog::Attempt& b) {
            return a.job == b.job && a.number == b.number;
        };
        found.erase(std::unique(found.begin(), found.end(), same), found.end());
        catalog_.attempts = std::move(found);
    }

    SourcePool& sources_;
    bool with_attempts_;
    const Renumbering* renumbering_;
    std::vector<std::string> parameters_;  // of each template of each file, as read
    Catalog catalog_;
    std::vector<Known> known_;
    std::unordered_map<std::string, std::uint32_t> pipeline_codes_;
    std::unordered_map<std::string, std::uint32_t> template_codes_;
    Codes pipeline_incarnations_;
    Codes template_incarnations_;
    std::vector<std::uint64_t> offsets_;  // by template
    std::vector<Entry> entries_;
};

}  // namespace

Catalog read_catalog(SourcePool& sources, bool with_attempts, const Renumbering* renumbering) {
    return CatalogReader(sources, with_attempts, renumbering).read();
}

}  // namespace penstock
