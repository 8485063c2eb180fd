#include "run/broker_node.hpp"

namespace penstock {

BrokerNode::BrokerNode(BrokerNodeOptions options, std::unique_ptr<Lanes> lanes, std::unique_ptr<RecordWriter> writer)
    : options_(std::move(options)),
      lanes_(std::move(lanes)),
      writer_(std::move(writer)),
      cache_(options_.run_directory / "spill", options_.rank, options_.cache_bytes),
      exchange_(options_.rank, cache_),
      stored_([this] {
          if (options_.wake) options_.wake();
      }),
      streams_(options_.rank, *this, options_.run_directory / "spill"),
      told_to_end_(options_.signal_at),
      broker_(options_.rank, options_.slots, *this, options_.crash_limit) {}

namespace {
// The value exchange takes the messages about values, the stream node those about items, the broker all others.
template <class M>
concept AboutValues =
    std::is_same_v<M, msg::Located> || std::is_same_v<M, msg::StoredAt> || std::is_same_v<M, msg::Fetch> ||
    std::is_same_v<M, msg::Fetched> || std::is_same_v<M, msg::FetchedChunk> || std::is_same_v<M, msg::ChunkTaken>;
template <class M>
concept AboutStreams =
    std::is_same_v<M, msg::PlaceStream> || std::is_same_v<M, msg::OpenStream> || std::is_same_v<M, msg::StopStream> ||
    std::is_same_v<M, msg::StreamItems> || std::is_same_v<M, msg::StreamEnd> || std::is_same_v<M, msg::StreamTaken>;
}  // namespace

void BrokerNode::on(const BrokerMessage& message, std::uint32_t from, Outbox& out) {
    if (finished_) return;
    out_ = &out;
    std::visit(
        [&]<class M>(const M& m) {
            if constexpr (AboutValues<M>)
                exchange_.on(m, from, out);
            else if constexpr (AboutStreams<M>)
                streams_.on(m, from, out);
            else
                broker_.on(m, from, out);
        },
        message);
    for (StoredRequest& request : exchange_.take_stored_requests()) stored_.ask(std::move(request));
    take_arrived();
    if (stopping_ && !goodbye_.joinable()) begin_goodbye();
}

void BrokerNode::take_arrived() {
    for (std::uint64_t ticket : exchange_.take_arrived()) broker_.inputs_arrived(ticket);
}

bool BrokerNode::work(Outbox& out) {
    out_ = &out;
    if (finished_) return false;
    if (goodbye_.joinable()) {
        if (!all_written_.load(std::memory_order_acquire)) return false;
        say_goodbye(out);
        return true;
    }
    // In this order: a record could be durable, or refused, as soon as it is added, but the Ended that names it leaves
    // when this turn settles.
    const bool durable = take_durable(out);
    const bool outcomes = take_outcomes(out);
    const bool stored = take_stored(out);
    return outcomes || durable || stored;
}

bool BrokerNode::take_stored(Outbox& out) {
    std::vector<StoredAnswer> answers = stored_.take();
    for (StoredAnswer& answer : answers) exchange_.stored(std::move(answer), out);
    take_arrived();
    return !answers.empty();
}

// ------------------------------------------------------------------------------------------ outcomes

bool BrokerNode::take_outcomes(Outbox& out) {
    outcomes_.clear();
    lanes_->drain(outcomes_);
    ending_.sort(outcomes_, steady_now());
    const bool items = std::erase_if(outcomes_, [this](Outcome& o) { return streams_.take(o); }) != 0;
    const bool streams = streams_.work(out, outcomes_);
    told_to_end_.sort(outcomes_, steady_now());
    std::vector<JobRecord> records;
    const bool saved = options_.user_store && take_saved(records, out);
    records.reserve(records.size() + outcomes_.size());
    for (Outcome& outcome : outcomes_)
        if (!options_.user_store || !saves_first(outcome)) take_outcome(outcome, nullptr, records, out);
    if (!records.empty()) writer_->add(std::move(records));
    return items || streams || saved || !outcomes_.empty();
}

void BrokerNode::take_outcome(Outcome& outcome, std::shared_ptr<const Document> saved, std::vector<JobRecord>& records,
                              Outbox& out) {
    AttemptEnd how{outcome.succeeded, outcome.finished - outcome.started};
    how.told_to_end = told_to_end_.was_ended(outcome);
    if (outcome.details != nullptr) {
        how.crashed = outcome.details->crashed;
        how.error = outcome.details->error;
    }
    const JobEnd end = broker_.ended(outcome.ticket, how, out);
    if (end.pipeline == nullptr) return;
    records.push_back(record_of(outcome, end));
    JobRecord& record = records.back();
    if (end.pipeline->plan->is_stream() &&
        (streams_.ended_with_the_run(end.pipeline->info.id) || told_to_end_.stage_was_ended(outcome)))
        record.final_attempt = outcome.succeeded;
    record.saved = saved != nullptr;
    if (saved != nullptr) record.outputs = std::move(saved);
    if (end.next == NextAttempt::crash_limit) say_why_not_again(record);
    const JobIndex job(record.job->first_job.value + end.instance);
    not_durable_.push_back({end.pipeline->info.id, job, 1});
    if (outcome.succeeded && record.job->feeds_others)
        cache_.keep(end.pipeline->info.id, job, what_others_read(record));
    if (!end.pipeline->plan->is_stream()) count(*record.job, outcome, record.final_attempt);
    if (end.follow) {
        broker_.follow(end);
        take_arrived();
    }
}

// A store of the program's own may fail, and a job with retries is tried again for that too. So it has not ended before
// its outputs are there; other jobs are recorded as failed afterwards (msg::Refused).
bool BrokerNode::saves_first(Outcome& outcome) {
    if (!outcome.succeeded || outcome.outputs == nullptr) return false;
    const auto job = broker_.job_of(outcome.ticket);
    if (!job || job->pipeline->plan->is_stream()) return false;
    const JobTemplate& what = job->pipeline->plan->templates[job->job.value];
    if (what.retries == 0) return false;
    JobRecord outputs;
    outputs.pipeline = job->pipeline;
    outputs.job = &what;
    outputs.instance = job->instance;
    outputs.outputs = std::move(outcome.outputs);
    Saving& saving = saving_[outcome.ticket];
    saving.outputs = outputs.outputs;
    saving.outcome = std::move(outcome);
    writer_->save_first(saving.outcome.ticket, std::move(outputs));
    return true;
}

bool BrokerNode::take_saved(std::vector<JobRecord>& records, Outbox& out) {
    const std::vector<RecordWriter::Saved> all = writer_->saved();
    for (const RecordWriter::Saved& saved : all) {
        const auto found = saving_.find(saved.ticket);
        if (found == saving_.end()) continue;
        Saving saving = std::move(found->second);
        saving_.erase(found);
        if (!saved.error.empty()) {
            saving.outcome.succeeded = false;
            saving.outputs.reset();
            if (saving.outcome.details == nullptr) saving.outcome.details = std::make_unique<OutcomeDetails>();
            saving.outcome.details->reason = EndReason::store;
            saving.outcome.details->error = saved.error;
        }
        take_outcome(saving.outcome, std::move(saving.outputs), records, out);
    }
    return !all.empty();
}

// The outputs, and those for-each values that other jobs read beside them; an output of the same name comes first.
std::shared_ptr<const Document> BrokerNode::what_others_read(const JobRecord& record) {
    const JobTemplate& job = *record.job;
    if (job.shown_parameters.empty() && record.outputs != nullptr) return record.outputs;
    auto all = record.outputs != nullptr ? std::make_shared<Document>(*record.outputs) : std::make_shared<Document>();
    for (const std::string& name : job.shown_parameters) all->emplace(name, job.for_each->value(name, record.instance));
    return all;
}

JobRecord BrokerNode::record_of(Outcome& outcome, const JobEnd& end) {
    JobRecord r;
    r.job = &end.pipeline->plan->templates[end.job.value];
    r.pipeline = end.pipeline;
    r.instance = end.instance;
    r.attempt = end.attempt;
    r.broker = options_.rank;
    r.slot = outcome.lane;
    r.status = outcome.succeeded ? JobStatus::succeeded : JobStatus::failed;
    const bool inputs_lost = without_inputs_.erase(outcome.ticket) != 0;
    r.final_attempt = !inputs_lost && (outcome.succeeded || end.next != NextAttempt::yes);
    r.submitted_ns = end.submitted_ns;
    r.started_ns = options_.calendar.at(outcome.started);
    r.finished_ns = options_.calendar.at(outcome.finished);
    r.hash = job_hash(*end.pipeline->plan, end.pipeline->info, *r.job, end.instance);
    if (outcome.outputs != nullptr) r.outputs = std::move(outcome.outputs);
    r.outputs_bytes = outcome.outputs_bytes;
    r.details = std::move(outcome.details);
    return r;
}

void BrokerNode::say_why_not_again(JobRecord& record) const {
    if (record.details == nullptr || record.job->retries == 0) return;
    record.details->error += "\nIt has crashed " + std::to_string(options_.crash_limit) +
                             " times in a row and is not tried again (--crash-limit), though it has retries left.";
}

void BrokerNode::count(const JobTemplate& job, const Outcome& outcome, bool final_attempt) {
    if (&job != last_job_) {
        last_job_ = &job;
        last_figures_ = &figures_[job.worker];
    }
    const auto ns = static_cast<std::uint64_t>(std::max<Nanoseconds>(0, outcome.finished - outcome.started));
    if (final_attempt) ++(outcome.succeeded ? last_figures_->succeeded : last_figures_->failed);
    last_figures_->total_ns += ns;
    last_figures_->durations.add(ns);
}

// ------------------------------------------------------------------------------------------ durability

bool BrokerNode::take_durable(Outbox& out) {
    bool any = false;
    for (const RecordWriter::Refused& refused : writer_->refused()) {
        const std::uint64_t index = refused.record - durable_told_ - 1;
        if (index < not_durable_.size()) broker_.refused({not_durable_[index], refused.error}, out);
        any = true;
    }
    if (const std::uint64_t durable = writer_->durable(); durable > durable_told_) {
        not_durable_.erase(not_durable_.begin(),
                           not_durable_.begin() + static_cast<std::ptrdiff_t>(durable - durable_told_));
        durable_told_ = durable;
        broker_.durable(durable);
        out.to_router(msg::Durable{durable});
        any = true;
    }
    if (!store_failed_) {
        if (const auto error = writer_->error()) {
            store_failed_ = true;
            out.to_router(msg::StoreFailed{*error});
            any = true;
        }
    }
    return any;
}

void BrokerNode::flush() { writer_->flush_soon(); }

BrokerNode::~BrokerNode() {
    if (goodbye_.joinable()) goodbye_.join();
}

// Nothing runs any more, and nothing else touches lanes and writer from here on.
void BrokerNode::begin_goodbye() {
    goodbye_ = std::thread([this] {
        lanes_->stop();
        writer_->stop();
        all_written_.store(true, std::memory_order_release);
        if (options_.wake) options_.wake();
    });
}

void BrokerNode::say_goodbye(Outbox& out) {
    goodbye_.join();
    take_durable(out);
    msg::Bye bye;
    for (const auto& [worker, f] : figures_)
        bye.by_worker[worker] = {f.succeeded, f.failed, f.total_ns, f.durations.counts()};
    out.to_router(std::move(bye));
    goodbye_ = {};
    finished_ = true;
}

void BrokerNode::stop() { stopping_ = true; }

// ------------------------------------------------------------------------------------------ what the broker asks

void BrokerNode::start(std::uint32_t lane, std::vector<JobStart> jobs) {
    if (jobs.front().pipeline->plan->is_stream()) {  // alone in its lane
        for (JobStart& job : jobs) streams_.start(lane, std::move(job));
        return;
    }
    std::vector<Ticket> tickets;
    tickets.reserve(jobs.size());
    for (JobStart& job : jobs) {
        Ticket t;
        t.id = job.ticket;
        t.job = &job.pipeline->plan->templates[job.job.value];
        t.pipeline = std::move(job.pipeline);
        t.instance = job.instance;
        t.attempt = job.attempt;
        t.inputs = exchange_.take_inputs(job.ticket);
        if (t.inputs != nullptr && t.inputs->lost) without_inputs_.insert(t.id);
        tickets.push_back(std::move(t));
    }
    lanes_->run(lane, std::move(tickets));
}

std::vector<std::uint64_t> BrokerNode::take_back(std::uint32_t lane) {
    std::vector<std::uint64_t> ids;
    for (Ticket& t : lanes_->take_back(lane)) {
        ids.push_back(t.id);
        if (t.inputs != nullptr) exchange_.put_back(t.id, std::move(t.inputs));
    }
    return ids;
}

bool BrokerNode::may_start() const { return !store_failed_ && !writer_->full(); }

void BrokerNode::fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) {
    exchange_.fetch(job, holder, located, pipeliner, *out_);
}

// ------------------------------------------------------------------------------------------ what its streams ask

void BrokerNode::run(std::uint32_t lane, Ticket ticket) {
    std::vector<Ticket> one;
    one.push_back(std::move(ticket));
    lanes_->run(lane, std::move(one));
}

void BrokerNode::cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) {
    if (reason == EndReason::cancelled && streams_.run_ends()) ending_.told(ticket, lane, steady_now());
    lanes_->cancel(lane, ticket, reason);
}

void BrokerNode::store(const std::shared_ptr<const PipelineContext>& pipeline, const JobTemplate& stage,
                       std::uint32_t attempt, std::uint64_t first, StreamItems items) {
    writer_->add(StreamRecord{pipeline, &stage, attempt, first, std::move(items)});
    ++items_stored_;
}

// ------------------------------------------------------------------------------------------ what it lets go of

void BrokerNode::forget_inputs(std::uint64_t ticket) { exchange_.forget_inputs(ticket); }
void BrokerNode::end_attempt(std::uint32_t lane, std::uint64_t ticket) {
    ending_.told(ticket, lane, steady_now());
    lanes_->cancel(lane, ticket, EndReason::cancelled);
}
void BrokerNode::release(const JobRun& jobs) { cache_.release(jobs); }
std::vector<JobRun> BrokerNode::held(PipelineId pipeline) { return cache_.jobs_of(pipeline); }
void BrokerNode::abandon_stream(PipelineId pipeline) { streams_.abandon(pipeline, *out_); }
void BrokerNode::forget(PipelineId pipeline) {
    cache_.forget(pipeline);
    streams_.forget(pipeline);
}
void BrokerNode::forget(PlanId plan) {
    exchange_.forget(plan);
    last_job_ = nullptr;  // its address may be given to a job of another worker type
}

}  // namespace penstock
