#include "store/segment_tables.hpp"

#include "value/utf8.hpp"
#include "value/value_codec.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace penstock {

namespace {

constexpr std::string_view kVisibleNul = "\u2400";
// Errors and logs come from anywhere: from stderr of a command, say. Longer ones lose their end.
constexpr std::size_t kLongestText = 64u << 10;

std::string clean(std::string_view text) {
    constexpr std::string_view kCut = " [cut]";
    std::string out = is_utf8(text) ? std::string(text) : to_utf8(text);
    for (std::size_t at = out.find('\0'); at != std::string::npos; at = out.find('\0', at))
        out.replace(at, 1, kVisibleNul);  // HDF5's texts end at a NUL
    if (out.size() > kLongestText) {
        std::size_t end = kLongestText - kCut.size();
        while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
        out.resize(end);
        out += kCut;
    }
    return out;
}

std::string joined(std::string_view a, std::string_view b) {
    std::string both(a);
    both += '\0';  // in no name
    both += b;
    return both;
}

Document all_data(const PipelineContext& context) {
    Document data = context.plan->data;
    for (const auto& [key, value] : context.info.own_data) data.insert_or_assign(key, value);
    return data;
}

std::string parameters_of(const JobTemplate& job) {
    if (!job.for_each) return "[]";
    List names;
    for (std::string& name : job.for_each->names()) names.emplace_back(std::move(name));
    return to_json(Value(std::move(names)));
}

}  // namespace

// ---------------------------------------------------------------------------------------------- records

void SegmentTables::add(const JobRecord& record) {
    const std::uint32_t pipeline = pipeline_row(record.pipeline);
    TemplateState& state = template_state(record.job, pipeline);
    if (state.group == nullptr && record.outputs && !record.outputs->empty()) {
        auto& group = groups_[state.row];
        if (!group) group = std::make_unique<ResultGroup>(*record.job);
        state.group = group.get();
    }
    if (state.group != nullptr)
        state.group->add(static_cast<std::uint32_t>(jobs()), record.instance, record.outputs.get(), store_large_);

    std::uint32_t error = 0;
    if (record.details && !record.details->error.empty())
        error = errors_.code(clean(record.details->error));
    else if (!record.error.empty())
        error = errors_.code(clean(record.error));
    if (record.details) {
        put_attempt(record, error, *record.details);
    } else if (record.status == JobStatus::failed) {  // no row would mean that it succeeded
        OutcomeDetails unknown;
        unknown.reason = EndReason::exception;
        put_attempt(record, error, unknown);
    }
    put_job(record, pipeline, state.row, error);
}

void SegmentTables::add_refused(const JobRecord& record, const std::string& error) {
    JobRecord failed;
    failed.pipeline = record.pipeline;
    failed.job = record.job;
    failed.instance = record.instance;
    failed.attempt = record.attempt;
    failed.broker = record.broker;
    failed.slot = record.slot;
    failed.status = JobStatus::failed;
    failed.submitted_ns = record.submitted_ns;
    failed.started_ns = record.started_ns;
    failed.finished_ns = record.finished_ns;
    failed.hash = record.hash;
    failed.details =
        record.details ? std::make_unique<OutcomeDetails>(*record.details) : std::make_unique<OutcomeDetails>();
    failed.details->reason = EndReason::store;
    failed.details->error = error;
    add(failed);
}

void SegmentTables::put_job(const JobRecord& record, std::uint32_t pipeline, std::uint32_t template_row,
                            std::uint32_t error) {
    put(JobColumn::pipeline, pipeline);
    put(JobColumn::job_template, template_row);
    put(JobColumn::number, record.instance);
    put(JobColumn::attempt, record.attempt);
    put(JobColumn::broker, record.broker);
    put(JobColumn::slot, record.slot);
    put(JobColumn::error, error);
    put(JobColumn::status, static_cast<std::uint8_t>(record.status));
    put(JobColumn::final_attempt, static_cast<std::uint8_t>(record.final_attempt));
    put(JobColumn::submitted, record.submitted_ns);
    put(JobColumn::started, record.started_ns);
    put(JobColumn::finished, record.finished_ns);
    put(JobColumn::hash, record.hash);
}

void SegmentTables::put_attempt(const JobRecord& record, std::uint32_t error, const OutcomeDetails& details) {
    put(AttemptColumn::job, static_cast<std::uint32_t>(jobs()));
    put(AttemptColumn::number, record.attempt);
    put(AttemptColumn::broker, record.broker);
    put(AttemptColumn::slot, record.slot);
    put(AttemptColumn::error, error);
    put(AttemptColumn::reason, static_cast<std::uint8_t>(details.reason));
    put(AttemptColumn::started, record.started_ns);
    put(AttemptColumn::finished, record.finished_ns);
    put(AttemptColumn::exit_code, static_cast<std::int32_t>(details.exit_code));
    put(AttemptColumn::signal, static_cast<std::int32_t>(details.signal));
    put(AttemptColumn::peak_memory, details.peak_memory_bytes);
    put(AttemptColumn::cpu, details.cpu_s);
    logs_.add(clean(details.log));
}

void SegmentTables::add(const PipelineRecord& record) {
    end_pipeline(pipeline_row(record.pipeline), to_json(all_data(*record.pipeline)), record.status, record.submitted_ns,
                 record.started_ns, record.finished_ns);
}

void SegmentTables::add(const StreamRecord& record, std::uint32_t incarnation, const Refuse& refuse) {
    const std::uint32_t pipeline = pipeline_row(record.pipeline);
    const std::uint32_t row = record.stage != nullptr
                                  ? template_state(record.stage, pipeline).row
                                  : add_template({pipeline, std::string(kStageCounts), "", "[]", 0, 0});
    StreamGroup& group = stream(row);
    StreamRun run{pipeline, incarnation, record.attempt, record.first, 0};
    group.add(run);
    run.count = 1;
    std::span<const std::byte> bytes = record.items.bytes.span();
    for (const std::uint32_t size : record.items.sizes) {
        std::span<const std::byte> encoded = bytes.first(size);
        bytes = bytes.subspan(size);
        const Value item = decode_value(encoded);
        if (!refuse(run.first, item)) group.add(run, item, store_large_);
        ++run.first;
    }
}

// ---------------------------------------------------------------------------------------------- dictionaries

std::uint32_t SegmentTables::pipeline_row(const std::shared_ptr<const PipelineContext>& context) {
    if (context.get() == last_pipeline_) return last_pipeline_row_;
    const auto [at, added] = pipelines_.try_emplace(context.get(), 0);
    if (added) {
        contexts_.push_back(context);
        at->second = add_pipeline(context->plan->name, context->info.instance);
        set_pipeline(at->second, context->info.id.value);
    }
    last_pipeline_ = context.get();
    last_pipeline_row_ = at->second;
    return at->second;
}

SegmentTables::TemplateState& SegmentTables::template_state(const JobTemplate* which, std::uint32_t pipeline) {
    if (which == last_job_) return *last_template_;
    const auto [at, added] = templates_.try_emplace(which);
    if (added) {
        const JobTemplate& job = *which;
        const std::string parameters = parameters_of(job);
        at->second.row = add_template({pipeline, job.name, job.worker, parameters, job.first_job.value, job.count});
        if (job.for_each && !groups_[at->second.row]) groups_[at->second.row] = std::make_unique<ResultGroup>(job);
        at->second.group = groups_[at->second.row].get();
    }
    last_job_ = which;
    last_template_ = &at->second;  // references into an unordered_map last
    return at->second;
}

std::uint32_t SegmentTables::add_pipeline(std::string_view name, std::string_view instance) {
    const auto row = static_cast<std::uint32_t>(pipeline_names_.rows());
    const auto [at, added] = pipeline_rows_.try_emplace(joined(name, instance), row);
    if (!added) return at->second;
    pipeline_names_.add(name);
    pipeline_instances_.add(instance);
    pipeline_data_.emplace_back();
    for (std::size_t i = 0; i < kPipelineColumns.size(); ++i)
        pipeline_columns_[i].append_zeros(kPipelineColumns[i].bytes());
    return row;
}

void SegmentTables::set_pipeline(std::uint32_t row, std::uint32_t id) {
    cell<std::uint32_t>(PipelineColumn::id, row) = id;
}

void SegmentTables::end_pipeline(std::uint32_t row, std::string_view data, JobStatus status, std::int64_t submitted,
                                 std::int64_t started, std::int64_t finished) {
    pipeline_data_[row] = data;
    cell<std::uint8_t>(PipelineColumn::status, row) = static_cast<std::uint8_t>(status);
    cell<std::uint8_t>(PipelineColumn::ended, row) = 1;
    cell<std::int64_t>(PipelineColumn::submitted, row) = submitted;
    cell<std::int64_t>(PipelineColumn::started, row) = started;
    cell<std::int64_t>(PipelineColumn::finished, row) = finished;
}

std::uint32_t SegmentTables::add_template(const TemplateRow& row) {
    const auto number = static_cast<std::uint32_t>(template_names_.rows());
    const auto [at, added] = template_rows_.try_emplace(joined(pipeline_names_[row.pipeline], row.name), number);
    if (!added) return at->second;
    template_pipelines_.put(row.pipeline);
    template_names_.add(row.name);
    template_workers_.add(row.worker);
    template_parameters_.add(row.parameters);
    template_columns_[static_cast<std::size_t>(TemplateColumn::first_job)].put(row.first_job);
    template_columns_[static_cast<std::size_t>(TemplateColumn::count)].put(row.count);
    groups_.emplace_back();
    streams_.emplace_back();
    return number;
}

ResultGroup& SegmentTables::group(std::uint32_t template_row) {
    auto& group = groups_[template_row];
    if (!group) group = std::make_unique<ResultGroup>();
    return *group;
}

StreamGroup& SegmentTables::stream(std::uint32_t template_row) {
    auto& group = streams_[template_row];
    if (!group) group = std::make_unique<StreamGroup>();
    return *group;
}

bool SegmentTables::has_streams() const {
    return std::any_of(streams_.begin(), streams_.end(), [](const auto& stream) { return stream != nullptr; });
}

}  // namespace penstock
