#include "exec/lane.hpp"

#include "exec/process_tree.hpp"

#include "value/value_codec.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <exception>

namespace penstock {

namespace {

constexpr int kFedPerStep = 16;  // then results are looked at again

}  // namespace

void Lane::serve() {
    objects_ = std::make_unique<WorkerObjects>(world_->types);
    place_.scratch_root = world_->options.scratch_root;
    place_.print = [this](std::string_view text) {
        if (log_ == nullptr) log_ = std::make_unique<AttemptLog>(make_log(*inline_job_));
        log_->add(text);
    };
    place_.shares_process = true;
    place_.cancelled = &cancelled_;
    place_.progress = &progress_;
    for (;;) {
        try {
            seen_ = notices_.count();
            if (step()) continue;
            if (stopping_ && worker_ == nullptr) break;
            wait();
        } catch (const ChannelDamage& error) {
            worker_damaged(damage_text(error));
        }
    }
    objects_.reset();
    const Lock lock(mutex_);
    finished_ = true;
    finished_changed_.notify_all();
}

// True when something was done, and more may be to do.
bool Lane::step() {
    bool any = take_results();
    for (int i = 0; i < kFedPerStep && start_next(); ++i) any = true;
    return any | stop_step();
}

bool Lane::start_next() {
    Lock lock(mutex_);
    is_current_ = false;
    wants_room_ = false;
    if (stopping_ || is_external_ || queue_.empty()) return false;
    const TemplateInfo::Way way = queue_.front().info->way;
    const bool feeds = way == TemplateInfo::Way::process;
    if (way != TemplateInfo::Way::in_line) last_finished_ = 0;
    if (feeds ? !may_feed() : !in_flight_.empty()) return false;
    if (way == TemplateInfo::Way::external) {
        start_external(lock);
        return false;
    }
    LaneJob job = std::move(queue_.front());
    queue_.pop_front();
    current_ = job.ticket.id;
    is_current_ = true;
    current_stopped_.reset();
    cancelled_.store(0, std::memory_order_relaxed);
    lock.unlock();
    if (way == TemplateInfo::Way::impossible)
        fail(job, EndReason::exception, job.info->problem);
    else if (feeds)
        feed(std::move(job));
    else
        run_inline(std::move(job));
    return true;
}

void Lane::run_inline(LaneJob job) {
    const std::int64_t started = last_finished_ != 0 ? last_finished_ : steady_now();
    Materialized input;
    try {
        input = materialize_job(job);
    } catch (const MissingKey& error) {
        return fail(job, EndReason::missing_key, error.what(), started);
    } catch (const StoreFailure& error) {
        return fail(job, EndReason::store, error.what(), started);
    } catch (const std::exception& error) {
        return fail(job, EndReason::exception, error.what(), started);
    }
    inline_job_ = &job;
    if (job.info->limited()) {
        const Lock lock(mutex_);
        inline_info_ = job.info;
        inline_started_ = steady_now();
    }
    progress_.store(0, std::memory_order_relaxed);
    const JobInstance instance{&job.info->description,         &input.parameters,   {},
                               job.ticket.job->for_each.get(), job.ticket.instance, job.ticket.attempt};
    const bool is_stage = job.ticket.batch != nullptr;
    if (is_stage) meter_.begin_ticket();
    AttemptResult result = is_stage ? objects_->run_stage(place_, instance, std::move(*job.ticket.batch))
                                    : objects_->run(place_, instance, input.document);
    Outcome outcome;
    outcome.ticket = job.ticket.id;
    outcome.started = started;
    outcome.finished = last_finished_ = steady_now();
    outcome.lane = number_;
    outcome.succeeded = result.reason == EndReason::succeeded;
    if (!result.outputs.empty()) outcome.outputs = std::make_unique<Document>(std::move(result.outputs));
    if (job.info->limited() && inline_time_was_up()) {
        outcome.succeeded = false;
        outcome.outputs.reset();
        result.reason = EndReason::timeout;
        result.error =
            "the job " + timeout_text(job.ticket.job->timeout_s) + ", as far as an inline job can be: it was asked to";
    } else if (!outcome.succeeded && cancelled_.load() != 0) {
        const Lock lock(mutex_);
        result.reason = current_stopped_.value_or(EndReason::cancelled);
        result.error = stop_text(result.reason) + ": " + result.error;
    }
    const bool measured = is_stage || outcome.finished - started >= ResourceMeter::kLeastNanoseconds;
    if (!outcome.succeeded || measured || log_ != nullptr)
        outcome.details = make_details(result.reason, std::move(result.error));
    double cpu_s = 0;
    std::uint64_t no_peak = 0;
    meter_.ended(outcome.finished - started, cpu_s, no_peak);
    if (outcome.details != nullptr) outcome.details->cpu_s = cpu_s + result.thread.before + result.thread.during;
    if (log_ != nullptr) outcome.details->log = log_->finish();
    log_.reset();
    tell(std::move(outcome));
}

JobLogKey Lane::log_key(const LaneJob& job) {
    const Ticket& ticket = job.ticket;
    const auto& for_each = ticket.job->for_each;
    return {ticket.pipeline->plan->name, ticket.pipeline->info.instance, ticket.job->name,
            for_each != nullptr ? for_each->label(ticket.instance) : std::string(), ticket.attempt};
}

AttemptLog Lane::make_log(const LaneJob& job) { return {world_->log, log_key(job), world_->options.log_bytes}; }

Materialized Lane::materialize_job(const LaneJob& job) {
    const auto& retrieve = world_->options.retrieve;
    if (!retrieve) return materialize(job.ticket, job.info->type->fills_placeholders);
    return materialize(job.ticket, job.info->type->fills_placeholders, [&](const std::vector<std::string>& keys) {
        try {
            return retrieve(job.ticket, keys);
        } catch (const std::exception& error) {
            throw StoreFailure(fmt::format("the store could not be asked: {}", error.what()));
        }
    });
}

void Lane::fail(const LaneJob& job, EndReason reason, std::string error, std::int64_t started) {
    Outcome outcome;
    outcome.ticket = job.ticket.id;
    outcome.finished = last_finished_ = steady_now();
    outcome.started = started != 0 ? started : outcome.finished;
    outcome.lane = number_;
    outcome.succeeded = false;
    outcome.details = make_details(reason, bounded_error(error));
    tell(std::move(outcome));
}

void Lane::tell(Outcome outcome) {
    // Here, where they have just been made, and not by the pump or the writer, which would wait for memory.
    if (outcome.outputs != nullptr) outcome.outputs_bytes = memory_size(*outcome.outputs);
    outcomes_.push(std::move(outcome));
    world_->wake();
}

// ---------------------------------------------------------------------------------------------- nothing to do

void Lane::wait() {
    last_finished_ = 0;
    const auto something = [this] {
        if (notices_.count() != seen_) return true;
        return worker_ != nullptr && (worker_->has_result() || (wants_room_ && worker_->has_room()));
    };
    if (spin_.spin(something)) return;
    if (worker_ != nullptr) worker_->set_lane_asleep(true);
    notices_.fall_asleep(worker_ == nullptr ? Notices::Asleep::on_count : Notices::Asleep::on_bell);
    if (!something()) sleep();
    notices_.wake_up();
    if (worker_ != nullptr) worker_->set_lane_asleep(false);
    spin_.slept();
}

void Lane::sleep() {
    if (worker_ == nullptr) return notices_.wait_for_change(seen_);
    std::array<pollfd, 3> watched{};
    watched[0] = {notices_.bell(), POLLIN, 0};
    watched[1] = {worker_->end_descriptor(), POLLIN, 0};
    nfds_t count = 2;
    if (!text_closed_) watched[count++] = {worker_->text_descriptor(), POLLIN, 0};
    int timeout = -1;
    if (stopping_) timeout = static_cast<int>(std::max<std::int64_t>(deadline_ - steady_now(), 0) / 1'000'000 + 1);
    ::poll(watched.data(), count, timeout);
    if ((watched[0].revents & POLLIN) != 0) notices_.take_ring();
    if (watched[1].revents != 0) return worker_ended();
    if ((watched[2].revents & POLLIN) != 0)
        read_text();
    else if (watched[2].revents != 0)
        text_closed_ = true;
}

}  // namespace penstock
