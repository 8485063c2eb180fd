#include "run/router_node.hpp"

#include "run/stored_places.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

namespace penstock {

namespace {

constexpr std::size_t kFailureKinds = 20;
constexpr std::size_t kSubmissionsAtOnce = 256;
// That the router knows of: those that may be started with some pipeliners, and as many again that wait as ids.
constexpr std::size_t kMaxUnfinishedPipelines = 8 * std::size_t{RouterOptions::kActivePipelines};
constexpr Nanoseconds kWaitingInterval = 1'000'000'000;
constexpr Nanoseconds kProgressInterval = 100'000'000;

// "exit code 3 after 17 s" and "exit code 4 after 2 s" are failures of one kind.
std::string without_digits(const std::string& text) {
    std::string kind;
    for (char c : text.substr(0, 200)) {
        const bool digit = c >= '0' && c <= '9';
        if (digit && !kind.empty() && kind.back() == '#') continue;
        kind.push_back(digit ? '#' : c);
    }
    return kind;
}

std::uint64_t slots_of(const std::vector<BrokerDescription>& brokers) {
    return std::accumulate(brokers.begin(), brokers.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const BrokerDescription& b) { return sum + b.slots; });
}

}  // namespace

std::string RouterNode::pipeline_name(const PipelineContext& p) {
    return p.info.instance.empty() ? p.plan->name : p.plan->name + "[" + p.info.instance + "]";
}

RouterNode::RouterNode(RouterOptions router, Options options, std::unique_ptr<RecordWriter> writer,
                       RunObserver& observer, Waker& waker)
    : slots_(slots_of(router.brokers)),
      options_(std::move(options)),
      observer_(observer),
      waker_(waker),
      writer_(std::move(writer)),
      router_(std::move(router), *this),
      desk_(waker),
      recovery_([&] {
          Recovery::Options with_wake = options_.recovery;
          with_wake.wake = [&waker] { waker.wake(); };
          return with_wake;
      }()),
      positions_(options_.recovery.run_directory, options_.incarnation) {}

// ------------------------------------------------------------------------------------------ the feed

PipelineId RouterNode::submit(Submission submission) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return waiting_.size() < kMaxWaiting || refusing_; });
    if (refusing_) throw FeedStopped("the run ends early: nothing more can be submitted");
    const PipelineId id(next_id_++);
    waiting_.push_back({id, std::move(submission)});
    lock.unlock();
    waker_.wake();
    return id;
}

void RouterNode::close() {
    {
        const std::lock_guard lock(mutex_);
        feed_closed_ = true;
    }
    waker_.wake();
}

bool RouterNode::stopping() const {
    const std::lock_guard lock(mutex_);
    return refusing_;
}

bool RouterNode::take_submissions(Outbox& out) {
    // Pipelines that cannot start yet wait in the feed, where they hold their submitter back.
    if (router_.unfinished_pipelines() > kMaxUnfinishedPipelines) return false;
    std::deque<Waiting> taken;
    bool closed = false;
    {
        const std::lock_guard lock(mutex_);
        while (!waiting_.empty() && taken.size() < kSubmissionsAtOnce) {
            taken.push_back(std::move(waiting_.front()));
            waiting_.pop_front();
        }
        closed = feed_closed_ && waiting_.empty();
    }
    if (!taken.empty()) room_.notify_all();
    for (Waiting& w : taken) submit_now(std::move(w), out);
    if (closed && !closed_told_) {
        closed_told_ = true;
        router_.close(out);
    }
    return !taken.empty();
}

void RouterNode::submit_now(Waiting w, Outbox& out) {
    const auto [at, fresh] = plan_ids_.try_emplace(w.submission.plan.get(), next_plan_);
    if (fresh) ++next_plan_;
    const PlanId plan = at->second;
    PipelineInfo info{w.id, plan, std::move(w.submission.instance), std::move(w.submission.own_data)};
    Known known;
    known.context = std::make_shared<PipelineContext>(PipelineContext{w.submission.plan, info});
    known.submitted_ns = epoch_now();
    if (first_submit_ == 0) first_submit_ = steady_now();
    if (w.submission.plan->is_stream()) {
        known.stream = std::make_unique<StreamWatch>(w.submission.plan);
        streams_.jobs.jobs += w.submission.plan->job_count;
        ++streams_.jobs.pipelines;
    }
    std::shared_ptr<const JobHistory> history;
    std::shared_ptr<const StreamPosition> from;
    if (w.submission.resumption != nullptr) {
        known.resumption = w.submission.resumption;
        history = known.resumption->history;
        known.at_start = history;
        known.succeeded = history->succeeded();
        known.failed = history->failed();
        if (known.stream) streams_.jobs.succeeded += history->succeeded();
        if (known.stream) tell_where_it_begins(*known.context, *known.resumption);
        from = known.resumption->position;
        if (from != nullptr) known.reached = known.began_at = from->items;
    }
    known.identity = w.submission.stream_identity;
    const bool runs = history == nullptr || history->kept.empty();
    if (known.identity && runs) positions_.begin(known.context, *known.identity, from != nullptr);
    const std::int64_t submitted = known.submitted_ns;
    pipelines_.emplace(w.id, std::move(known));
    if (w.submission.port != nullptr) desk_.open(w.id, std::move(w.submission.port));
    router_.submit(plan, w.submission.plan, std::move(info), submitted, out, std::move(history), std::move(from));
}

// ------------------------------------------------------------------------------------------ the pump's calls

void RouterNode::on(const RouterMessage& message, std::uint32_t from, Outbox& out) {
    if (const auto* bye = std::get_if<msg::Bye>(&message)) note_goodbye(*bye);
    if (const auto* question = std::get_if<msg::FindStored>(&message)) answer(*question, from, out);
    if (const auto* lost = std::get_if<msg::StoredLost>(&message)) lost_files_.push_back({lost->file, lost->error});
    const std::uint64_t durable = router_.counts().durable;
    std::visit([&](const auto& m) { router_.on(m, from, out); }, message);
    if (router_.counts().durable != durable) last_durable_ = steady_now();
}

void RouterNode::answer(const msg::FindStored& question, std::uint32_t from, Outbox& out) {
    const auto known = pipelines_.find(question.pipeline);
    out.to_broker(from, stored_at(question, known == pipelines_.end() ? nullptr : known->second.resumption.get()));
}

bool RouterNode::work(Outbox& out) {
    const bool submitted = take_submissions(out);
    const bool durable = take_durable(out);
    const bool recovered = recover_further(out);
    for (const PipelineId id : desk_.work(out)) router_.close_stream(id, out);
    tell_progress();
    tell_what_waits();
    if (router_.draining()) {
        const std::lock_guard lock(mutex_);
        if (!refusing_) {
            refusing_ = true;
            room_.notify_all();
            desk_.run_stops();
            for (Waiting& w : waiting_)
                if (w.submission.port != nullptr) w.submission.port->run_stops();
        }
    }
    return submitted || durable || recovered;
}

bool RouterNode::take_durable(Outbox& out) {
    if (const auto error = writer_->error(); error && fatal_.empty()) {
        store_failed(0, *error);
        router_.drain(out);
    }
    const std::uint64_t durable = writer_->durable();
    if (durable == own_durable_) return false;
    own_durable_ = durable;
    last_durable_ = steady_now();
    router_.own_records_durable(durable, out);
    return true;
}

void RouterNode::interrupt(int signals, Outbox& out) {
    interrupted_ = true;
    const bool drained = router_.draining();
    signals >= 2 ? router_.end_now(out) : router_.drain(out);
    if (signals >= 2)
        observer_.message(Severity::warning, "told to stop again: what runs is ended");
    else if (!drained)
        observer_.message(Severity::warning,
                          "told to stop: nothing starts any more, what runs may end (a second signal ends it)");
}

void RouterNode::note_time() {
    if (!router_.out_of_time() || out_of_time_told_) return;
    out_of_time_told_ = true;
    interrupted_ = true;
    not_started_ = router_.waiting();
    std::erase_if(not_started_, [](const WaitingJobs& w) { return w.what != WaitingJobs::For::time; });
    observer_.message(Severity::warning, not_started_.empty()
                                             ? "the time is up (" + options_.ends_by + "): what runs is ended"
                                             : "the time does not suffice for more (" + options_.ends_by + ")");
}

// ------------------------------------------------------------------------------------------ what the router tells

void RouterNode::started(PipelineId pipeline) {
    if (first_start_ == 0) first_start_ = steady_now();
    const auto at = pipelines_.find(pipeline);
    if (at == pipelines_.end()) return;
    at->second.started_ns = epoch_now();
    if (at->second.stream) streams_.jobs.assigned += at->second.context->plan->job_count;  // all at once
}

void RouterNode::ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) {
    Known& known = pipelines_.at(pipeline);
    // One stage that fails, or the end of the run, stops the others of its stream: those only say so.
    const bool stopped = known.stream && (known.failed != 0 || router_.draining());
    (ended.succeeded ? known.succeeded : known.failed) += ended.jobs.count;
    if (!ended.succeeded && !stopped) {
        known.broke = true;
        desk_.job_failed(pipeline, ended.jobs.first, ended.error);
        note_failure(*known.context, ended.jobs.first, ended.error);
    }
    if (known.stream) return stage_job_ended(known, ended);
    if (!observer_.wants_jobs()) return;
    JobsEnded told{known.context.get(), ended.jobs.first,
                   ended.jobs.count,    ended.succeeded ? JobStatus::succeeded : JobStatus::failed,
                   ended.attempt,       broker,
                   ended.error};
    observer_.jobs_ended(told);
}

void RouterNode::attempt_failed(PipelineId pipeline, const msg::AttemptFailed& failed, std::uint32_t broker) {
    if (!observer_.wants_jobs()) return;
    observer_.attempt_failed({pipelines_.at(pipeline).context.get(), failed.jobs.first, 1, JobStatus::ready,
                              failed.attempt, broker, failed.error});
}

void RouterNode::skipped(PipelineId pipeline, const JobRun& jobs, JobIndex cause) {
    Known& known = pipelines_.at(pipeline);
    known.skipped += jobs.count;
    const Plan& plan = *known.context->plan;
    const std::string blame = plan.job_label(cause);
    std::vector<JobRecord> records;
    records.reserve(jobs.count);
    const std::int64_t now = epoch_now();
    for (std::uint32_t i = 0; i < jobs.count; ++i) {
        const JobIndex job(jobs.first.value + i);
        JobRecord r;
        r.pipeline = known.context;
        r.job = &plan.templates[plan.template_of(job).value];
        r.instance = job.value - r.job->first_job.value;
        r.attempt = 0;
        r.status = JobStatus::skipped;
        r.submitted_ns = known.submitted_ns;
        r.started_ns = r.finished_ns = now;
        r.hash = job_hash(plan, known.context->info, *r.job, r.instance);
        r.error = blame;
        ++figures_[r.job->worker].skipped;
        ++known.skipped_of[r.job->worker];
        records.push_back(std::move(r));
    }
    own_records_ += records.size();
    writer_->add(std::move(records));
    if (!observer_.wants_jobs()) return;
    observer_.jobs_ended({known.context.get(), jobs.first, jobs.count, JobStatus::skipped, 0, 0, blame});
}

void RouterNode::refused(PipelineId pipeline, const msg::Refused& refused, std::uint32_t) {
    const auto at = pipelines_.find(pipeline);
    if (at == pipelines_.end()) return;
    --at->second.succeeded;
    ++at->second.failed;
    if (at->second.stream) {
        --streams_.jobs.succeeded;
        ++streams_.jobs.failed;
        at->second.broke = true;
        return note_failure(*at->second.context, refused.jobs.first, refused.error);
    }
    note_failure(*at->second.context, refused.jobs.first, refused.error);
    const JobTemplate& job =
        at->second.context->plan->templates[at->second.context->plan->template_of(refused.jobs.first).value];
    --figures_[job.worker].succeeded;  // the broker's own figures arrive with Bye and still count it
    ++figures_[job.worker].failed;
    if (observer_.wants_jobs())
        observer_.jobs_ended({at->second.context.get(), refused.jobs.first, 1, JobStatus::failed, 1, 0, refused.error});
}

void RouterNode::pipeline_over(PipelineId pipeline) {
    const auto at = pipelines_.find(pipeline);
    if (at == pipelines_.end()) return;
    const Known& known = at->second;
    const JobStatus status = known.failed + known.skipped == 0 ? JobStatus::succeeded : JobStatus::failed;
    // Its jobs can be durable, and its end not: then that is made up for.
    const bool well = status == JobStatus::succeeded;
    const bool over_before = known.resumption != nullptr && known.resumption->ended_well == well &&
                             known.started_ns == 0 && known.skipped == 0;
    if (!over_before) record_pipeline(known, status);
    if (known.stream) positions_.end(known.context, well);
    PipelineEnded told;
    told.pipeline = known.context.get();
    told.status = status;
    told.succeeded = known.succeeded;
    told.failed = known.failed;
    told.skipped = known.skipped;
    if (known.stream) {
        const bool cut_short = !well && !known.broke && router_.draining();  // it has not ended, and runs again
        streams_.ended += cut_short ? 0 : 1;
        streams_.failed += well || cut_short ? 0 : 1;
        streams_.that_go_on += cut_short && known.reached > 0 ? 1 : 0;
        told.failed = known.stream->stages_failed();
        told.succeeded = known.stream->stages_ended() - told.failed;
        add_to_summary(*known.stream);
    }
    told.duration_s = static_cast<double>(epoch_now() - known.submitted_ns) * 1e-9;
    observer_.pipeline_ended(told);
    desk_.over(pipeline, status == JobStatus::succeeded);
    pipelines_.erase(at);
}

void RouterNode::record_pipeline(const Known& known, JobStatus status) {
    if (known.stream && known.started_ns != 0) {
        writer_->add(StreamRecord{known.context, nullptr, 1, 0, known.stream->rows()});
        if (status == JobStatus::succeeded && !options_.recovery.values_elsewhere) record_extents(known);
    }
    PipelineRecord r;
    r.pipeline = known.context;
    r.status = status;
    r.submitted_ns = known.submitted_ns;
    r.started_ns = known.started_ns;
    r.finished_ns = epoch_now();
    writer_->add(std::move(r));
}

// Which items there have to be, in segments of another writer than the items: segments that are gone cannot say it.
void RouterNode::record_extents(const Known& known) {
    for (const StreamWatch::Stored& stored : known.stream->stored())
        for (const std::uint64_t number : {stored.first, stored.end})
            writer_->add(StreamRecord{
                known.context, &known.context->plan->templates[stored.stage.value], known.epoch + 1, number, {}});
}

void RouterNode::store_failed(std::uint32_t broker, const std::string& error) {
    if (!fatal_.empty()) return;
    fatal_ = error;
    observer_.message(Severity::error, "rank " + std::to_string(broker) + ": " + error);
}

// ------------------------------------------------------------------------------------------ figures

void RouterNode::note_failure(const PipelineContext& pipeline, JobIndex job, const std::string& error) {
    const Plan& plan = *pipeline.plan;
    const JobTemplate* which = &plan.templates[plan.template_of(job).value];
    if (is_added_stage(which->name))  // people know only what it was added to
        which = &*std::find_if(plan.templates.begin(), plan.templates.end(),
                               [&](const JobTemplate& t) { return t.name == stage_shown_for(which->name); });
    const std::string& worker = which->worker;
    const std::string label = plan.is_stream() ? which->name : plan.job_label(job);
    const std::pair key(worker, without_digits(error));
    auto at = failures_.find(key);
    if (at == failures_.end()) {
        if (failures_.size() >= kFailureKinds) return;
        at = failures_
                 .emplace(key, FailureKind{worker, pipeline_name(pipeline) + "/" + label, error, 0, plan.is_stream()})
                 .first;
    }
    ++at->second.count;
}

void RouterNode::note_goodbye(const msg::Bye& bye) {
    for (const auto& [worker, d] : bye.by_worker) {
        Figures& f = figures_[worker];
        f.succeeded += d.succeeded;
        f.failed += d.failed;
        f.total_ns += d.total_ns;
        f.durations.add(d.histogram);
    }
}

Progress RouterNode::progress() const {
    const RouterCounts& c = router_.counts();
    Progress p;
    const RouterCounts& of_streams = streams_.jobs;
    p.jobs = c.jobs - of_streams.jobs;
    p.succeeded = c.succeeded - of_streams.succeeded;
    p.failed = c.failed - of_streams.failed;
    p.skipped = c.skipped;
    p.retried = c.retried;
    p.assigned = c.assigned - std::min(c.assigned, of_streams.assigned);
    p.streams = of_streams.pipelines;
    p.streams_ended = streams_.ended;
    p.streams_failed = streams_.failed;
    p.items = streams_.items;
    p.slots = slots_;
    p.durable = c.durable;
    p.kept = c.kept;
    p.pipelines = c.pipelines;
    p.pipelines_ended = c.pipelines_over;
    p.elapsed = first_submit_ == 0 ? 0 : steady_now() - first_submit_;
    p.more_may_come = !closed_told_;
    return p;
}

void RouterNode::tell_progress() {
    const RouterCounts& c = router_.counts();
    const std::uint64_t changed = c.jobs + c.ended() + c.assigned + c.durable + streams_.items;
    if (changed == last_told_) return;
    const Nanoseconds now = steady_now();
    if (now - last_progress_ < kProgressInterval) return;
    last_progress_ = now;
    last_told_ = changed;
    observer_.progress(progress());
}

void RouterNode::tell_what_waits() {
    const RouterCounts& c = router_.counts();
    const std::uint64_t changed = c.jobs + c.ended() + c.assigned + c.retried;
    if (changed == last_waiting_told_) return;
    const Nanoseconds now = steady_now();
    if (now - last_waiting_ < kWaitingInterval) return;
    last_waiting_ = now;
    last_waiting_told_ = changed;
    observer_.waits(router_.waiting());
}

RunSummary RouterNode::summary() {
    desk_.close();
    for (const auto& [id, known] : pipelines_) {
        record_pipeline(known, JobStatus::waiting);
        if (known.stream) add_to_summary(*known.stream);
    }
    writer_->stop();
    if (const auto error = writer_->error()) store_failed(0, *error);
    RunSummary s;
    s.progress = progress();
    s.stages = streams_.stages;
    for (const auto& [worker, f] : figures_)
        s.workers.push_back(
            {worker, f.succeeded, f.failed, f.skipped, f.durations.median_s(), static_cast<double>(f.total_ns) * 1e-9});
    for (const auto& [key, kind] : failures_) s.failures.push_back(kind);
    std::stable_sort(s.failures.begin(), s.failures.end(),
                     [](const FailureKind& a, const FailureKind& b) { return a.count > b.count; });
    if (first_start_ != 0 && last_durable_ > first_start_)
        s.makespan_s = static_cast<double>(last_durable_ - first_start_) * 1e-9;
    s.interrupted = interrupted_;
    s.cut_short = router_.counts().cut_short;
    if (router_.out_of_time()) {
        s.out_of_time = options_.ends_by;
        s.not_started = not_started_;
        observer_.waits(not_started_);
    }
    s.fatal = fatal_;
    std::error_code ignored;
    if (!fatal_.empty() && !std::filesystem::exists(options_.recovery.run_directory / "journal", ignored))
        s.vanished = options_.recovery.run_directory.string();
    s.streams_that_go_on = streams_.that_go_on + static_cast<std::uint64_t>(std::count_if(
                                                     pipelines_.begin(), pipelines_.end(), [](const auto& p) {
                                                         return p.second.stream && p.second.reached > 0;
                                                     }));
    s.lost_files = lost_files_;
    s.lost_ranks = lost_ranks_;
    observer_.ended(s);
    return s;
}

}  // namespace penstock
