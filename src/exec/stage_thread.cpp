#include "exec/stage_thread.hpp"

#include "exec/error_text.hpp"
#include "exec/steady_clock.hpp"

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

// What a running fold makes of items that it sees once more has left before.
class Nowhere final : public Emit {
public:
    void operator()(Value) override {}
} nowhere;

// Leaves user code that nobody waits for any more. No std::exception: user code does not take it for an error.
struct Abandoned {};

bool suits(StageRequest::Do what, StageForm form) {
    switch (what) {
        case StageRequest::Do::items:
            return form != StageForm::source;
        case StageRequest::Do::start:
            return form == StageForm::source;
        case StageRequest::Do::finish:
            return form == StageForm::fold;
        case StageRequest::Do::wake:
            return form == StageForm::fold;
        case StageRequest::Do::go_on:
            break;
    }
    return true;
}

}  // namespace

StageThread::StageThread(const WorkerType& type, StageForm form, const JobPlace& place, const JobInstance& job,
                         const StageRequest& request)
    : form_(form),
      setting_(place, job, request),
      print_(place.print),
      may_run_ahead_(place.shares_process),
      worker_(type.create_form ? type.create_form(form) : type.create_stage()),
      running_(dynamic_cast<RunningFoldWorker*>(worker_.get())),
      part_(request.part) {
    setting_.print_with([this](std::string_view text) { print(text); });
}

StageThread::~StageThread() {
    if (!thread_.joinable()) return;
    {
        const Lock lock(mutex_);
        setting_.abandoned = true;
    }
    asked_.notify_one();
    thread_.join();
}

// ------------------------------------------------------------------------------------------ the caller of serve()

StageAnswer StageThread::serve(StageRequest request, std::uint32_t attempt) {
    Lock lock(mutex_);
    const bool goes_on = request.what == StageRequest::Do::go_on;
    // It may have come to its end since it promised more.
    if ((goes_on ? !promised_ : busy_) || !suits(request.what, form_)) {
        StageAnswer answer;
        answer.error = "the worker of this stage was asked for what it cannot do now; this is an error of the engine";
        answer.fatal = true;
        return answer;
    }
    // Most folds make nothing of an item that could be waited for: here they cost no change of threads.
    const bool here = form_ == StageForm::fold && running_ == nullptr && request.what == StageRequest::Do::items;
    if (!here && !thread_.joinable()) thread_ = std::thread([this] { run(); });
    if (!text_.empty()) print_(std::exchange(text_, {}));
    serving_ = true;
    if (!goes_on) {
        setting_.set_attempt(attempt);
        what_ = request.what;
        done_ = 0;
        complete_ = complete_bytes_ = 0;
        released_ = request.what == StageRequest::Do::items ? request.skip : 0;
        request_ = std::move(request);
        busy_ = true;
    }
    if (here) {
        run_request(lock);
    } else {
        asked_.notify_one();
        wait_for_results(lock);
    }
    serving_ = false;
    return take_results();
}

void StageThread::wait_for_results(Lock& lock) {
    const auto there = [this] { return !busy_ || blocked_; };
    const bool in_time = what_ != StageRequest::Do::items;
    while (!there()) {
        if (!in_time || results_.empty()) {
            answered_.wait(lock);
            continue;
        }
        const std::chrono::nanoseconds left(first_result_ + kMostWait - steady_now());
        if (left.count() <= 0) return;
        answered_.wait_for(lock, left);
    }
}

StageAnswer StageThread::take_results() {
    StageAnswer answer;
    answer.more = promised_ = busy_;
    if (!busy_) {
        answer.error = std::exchange(error_, std::nullopt);
        answer.fatal = answer.error && fatal_;
        answer.state = std::exchange(state_, std::nullopt);
        answer.wake_after_s = wake_after_s_;
    }
    const bool of_items = what_ == StageRequest::Do::items;
    if (of_items && (complete_ > 0 || answer.error)) {
        answer.items = take_first(results_, complete_, complete_bytes_);
        complete_ = complete_bytes_ = 0;
        if (answer.error) results_ = {};  // of the item that failed
    } else {
        if (answer.error && what_ == StageRequest::Do::finish) results_ = {};  // no part of what a fold makes
        if (of_items) released_ += busy_ ? results_.count() : 0;
        answer.items = results_.take();
    }
    // It stays so when what is left is a portion: the beginning of the item at hand, behind those that were complete.
    if (blocked_ && !(busy_ && is_portion(results_))) {
        blocked_ = false;
        if (!of_items) asked_.notify_one();  // the next portion is made meanwhile
    }
    answer.done = done_;
    answer.released = of_items && (busy_ || answer.error) ? released_ : 0;
    return answer;
}

double StageThread::thread_cpu_s() {
    clockid_t clock{};
    timespec used{};
    if (!thread_.joinable() || ::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) return 0;
    if (::clock_gettime(clock, &used) != 0) return 0;
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// ------------------------------------------------------------------------------------------ the thread's own

void StageThread::run() {
    Lock lock(mutex_);
    for (;;) {
        asked_.wait(lock, [this] { return request_ || setting_.abandoned; });
        if (setting_.abandoned) break;
        run_request(lock);
    }
    lock.unlock();
    worker_.reset();
}

void StageThread::run_request(Lock& lock) {
    StageRequest request = std::move(*request_);
    request_.reset();
    lock.unlock();
    std::optional<std::string> error;
    try {
        work(std::move(request));
    } catch (const Abandoned&) {
        // Nobody reads what is told below.
    } catch (...) {
        error = current_error();
    }
    wake_after_s_.reset();
    if (running_ != nullptr && !ended_) wake_after_s_ = running_->wake_after_s();
    if (ended_) worker_.reset();  // files it has are written before its end is told
    lock.lock();
    error_ = std::move(error);
    busy_ = false;
    answered_.notify_one();
}

void StageThread::work(StageRequest request) {
    fatal_ = true;
    if (!std::exchange(started_, true)) {
        ended_ = true;  // unless it starts: the next one is another object
        worker_->start(setting_.context());
        ended_ = false;
    }
    ItemReader items(std::move(request.items), &keeps_);
    if (request.restores) restore(request, items);
    switch (request.what) {
        case StageRequest::Do::items:
            fatal_ = false;
            skip_ = request.skip;
            work_on_items(items);
            fatal_ = true;
            if (request.wants_state) state_ = static_cast<FoldWorker&>(*worker_).snapshot(setting_.context());
            return;
        case StageRequest::Do::wake:
            if (running_ != nullptr) running_->on_wake(*this, setting_.context());
            if (request.wants_state) state_ = static_cast<FoldWorker&>(*worker_).snapshot(setting_.context());
            return;
        case StageRequest::Do::finish:
            ended_ = true;
            return finish();
        case StageRequest::Do::start:
        case StageRequest::Do::go_on:
            break;
    }
    ended_ = true;
    auto& source = static_cast<SourceWorker&>(*worker_);
    if (request.skip != 0) source.skip(request.skip, setting_.context());
    source.generate(*this, setting_.context());
}

// A fresh object takes the place of one that is gone.
void StageThread::restore(const StageRequest& request, ItemReader& items) {
    auto& fold = static_cast<FoldWorker&>(*worker_);
    ended_ = true;  // unless it can
    if (request.state) fold.restore(*request.state, setting_.context());
    for (std::uint32_t i = 0; i < request.replayed; ++i) {
        if (running_ != nullptr)
            running_->on_item(items.next(), nowhere, setting_.context());
        else
            see(items.next());
    }
    ended_ = false;
}

void StageThread::finish() {
    auto& fold = static_cast<FoldWorker&>(*worker_);
    if (part_ == FoldPart::partial)
        (*this)(fold.snapshot(setting_.context()));
    else
        fold.finish(*this, setting_.context());
}

void StageThread::see(const Value& item) {
    auto& fold = static_cast<FoldWorker&>(*worker_);
    if (part_ == FoldPart::combines)
        fold.combine(item, setting_.context());
    else
        fold.on_item(item, setting_.context());
}

void StageThread::work_on_items(ItemReader& reader) {
    Context& context = setting_.context();
    while (!reader.ended()) {
        const Value item = reader.next();
        if (running_ != nullptr)
            running_->on_item(item, *this, context);
        else if (form_ == StageForm::fold)
            see(item);
        else
            static_cast<GeneratorWorker&>(*worker_).on_item(item, *this, context);
        if (skip_ != 0)
            throw std::runtime_error(
                "of the same item fewer results came than the time before; its class says that it "
                "makes the same ones each time (kRepeatable)");
        ++done_;
        const bool in_part = std::exchange(released_, 0) > 0;
        complete_ = results_.count();
        complete_bytes_ = results_.bytes.size();
        // An item that has left in part cannot be tried again: its end is told before the next one may crash.
        if (in_part && !reader.ended()) hand_over();
    }
}

bool StageThread::may_emit() const {
    const bool ahead = may_run_ahead_ && what_ != StageRequest::Do::items;
    return (serving_ || ahead) && !is_portion(results_);
}

// Returns when what there is has been taken and more is asked for.
void StageThread::hand_over() {
    Lock lock(mutex_);
    blocked_ = true;
    answered_.notify_one();
    asked_.wait(lock, [this] { return (serving_ && !blocked_) || setting_.abandoned; });
    if (setting_.abandoned) throw Abandoned{};
}

void StageThread::operator()(Value item) {
    Lock lock(mutex_);
    if (!may_emit()) {
        blocked_ = is_portion(results_);
        if (blocked_) answered_.notify_one();
        asked_.wait(lock, [this] { return may_emit() || setting_.abandoned; });
    }
    if (setting_.abandoned) throw Abandoned{};
    if (skip_ != 0) {
        --skip_;
        return;
    }
    append_item(item, results_);
    if (results_.count() == 1 && what_ != StageRequest::Do::items) {
        first_result_ = steady_now();
        if (serving_) answered_.notify_one();
    }
}

void StageThread::print(std::string_view text) {
    const Lock lock(mutex_);
    if (serving_)
        print_(text);
    else
        text_ += text;
}

}  // namespace penstock
