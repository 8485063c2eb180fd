#include "run/stream_port.hpp"

#include "core/item_error.hpp"
#include "core/stage_counts.hpp"

#include <algorithm>
#include <utility>

namespace penstock {

StreamPort::StreamPort(std::shared_ptr<const Plan> plan, const std::filesystem::path& spill_folder)
    : plan_(std::move(plan)) {
    for (std::uint32_t s = 0; s < plan_->stages.size(); ++s) {
        const Stage& stage = plan_->stages[s];
        const JobTemplate& job = plan_->templates[s];
        if (stage.role == Stage::Role::input)
            inputs_.emplace_back(job.first_job, job.name, ItemSpool(spill_folder, kKept));
        if (stage.delivered)
            sinks_.emplace_back(job.first_job, plan_->templates[stage.from.front().value].name,
                                ItemSpool(spill_folder, kKept));
    }
}

std::vector<std::string> StreamPort::inputs() const {
    std::vector<std::string> names;
    for (const Input& in : inputs_) names.push_back(in.name);
    return names;
}

std::vector<std::string> StreamPort::sinks() const {
    std::vector<std::string> names;
    for (const Sink& sink : sinks_) names.push_back(sink.name);
    return names;
}

void StreamPort::wake() {
    has_work_.store(true, std::memory_order_release);
    if (waker_ != nullptr) waker_->wake();
}

// ------------------------------------------------------------------------------------------ the driver function

bool StreamPort::may_put(const Input& in) const {
    if (!in.rank || inputs_.size() > 1) return true;
    return in.waiting.empty() || (in.waiting.items() < kPutItems && in.waiting.bytes() < kPutBytes);
}

StreamPort::Put StreamPort::put(std::size_t input, const Value& item) {
    ItemsWriter writer;
    append_item(item, writer);
    auto encoded = std::make_shared<const StreamItems>(writer.take());
    std::unique_lock lock(mutex_);
    Input& in = inputs_[input];
    changed_.wait(lock, [&] { return may_put(in) || in.closed || over_ || failure_ || stop_asked_ || run_stops_; });
    if (in.closed) return Put::closed;
    if (run_stops_) return Put::stopped;
    if (over_ || failure_ || stop_asked_) return Put::ended;
    in.waiting.push(std::move(encoded));
    wake();
    return Put::taken;
}

void StreamPort::close(std::size_t input) {
    const std::lock_guard lock(mutex_);
    inputs_[input].closed = true;
    wake();
    changed_.notify_all();
}

void StreamPort::close_all() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) close(i);
}

void StreamPort::stop() {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
    for (Input& in : inputs_) in.waiting.clear();
    for (Sink& sink : sinks_) sink.arrived.clear();
    wake();
    changed_.notify_all();
}

StreamPort::Got StreamPort::get(std::size_t number, std::optional<std::chrono::steady_clock::time_point> until) {
    Sink& sink = sinks_[number];
    const std::lock_guard one_reader(sink.reading);
    for (;;) {
        if (sink.reader && !sink.reader->ended()) return {Got::What::item, sink.reader->next()};
        sink.reader.reset();
        std::unique_lock lock(mutex_);
        // The cause of a failure and the end of what was made before it come on different ways.
        const auto known = [&] {
            return !sink.arrived.empty() || stop_asked_ || over_ ||
                   (sink.ended && (!sink.failed || failure_ || run_stops_)) || (run_stops_ && waker_ == nullptr);
        };
        if (!until)
            changed_.wait(lock, known);
        else if (!changed_.wait_until(lock, *until, known))
            return {Got::What::late, {}};
        if (!sink.arrived.empty()) {
            ItemSpool::Portion portion = sink.arrived.pop();
            lock.unlock();
            sink.reader.emplace(std::move(portion).take());
            continue;
        }
        sink.all_read = true;
        if (failure_) return {Got::What::failed, {}};
        if (run_stops_ && (!sink.ended || sink.failed)) return {Got::What::stopped, {}};
        return {Got::What::ended, {}};
    }
}

bool StreamPort::all_read(std::size_t sink) const {
    const std::lock_guard lock(mutex_);
    return sinks_[sink].all_read;
}

StreamPort::Failure StreamPort::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_.value_or(Failure{});
}

void StreamPort::fail(Failure failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    stop_asked_ = true;
    wake();
    changed_.notify_all();
}

// ------------------------------------------------------------------------------------------ the pump

void StreamPort::attach(PipelineId id, Waker& waker) {
    const std::lock_guard lock(mutex_);
    id_ = id;
    waker_ = &waker;
    has_work_.store(true, std::memory_order_release);
}

void StreamPort::detach() {
    const std::lock_guard lock(mutex_);
    waker_ = nullptr;
    changed_.notify_all();
}

bool StreamPort::work(Outbox& out) {
    const std::lock_guard lock(mutex_);
    has_work_.store(false, std::memory_order_release);
    try {
        for (Input& in : inputs_) send(in, out);
    } catch (const std::runtime_error& error) {
        spill_failed(error.what());
    }
    return stop_asked_ && !over_ && !std::exchange(stop_told_, true);
}

void StreamPort::send(Input& in, Outbox& out) {
    if (!in.rank || in.end_told) return;
    bool sent = false;
    // While some are under way, few more wait for others to go with them: each message costs about the same.
    const auto worth_sending = [&] {
        return in.items == 0 || in.closed || in.waiting.items() >= kWorthSending ||
               in.waiting.bytes() >= ItemSpool::kPortionBytes / 4;
    };
    while (!in.waiting.empty() && worth_sending() &&
           (in.items == 0 || (in.items < kUnderWayItems && in.bytes < kUnderWayBytes))) {
        const StreamItemsPtr items = in.waiting.pop().load();
        in.items += items->count();
        in.bytes += items->bytes.size();
        const std::uint64_t first = std::exchange(in.sent, in.sent + items->count());
        out.to_broker(*in.rank, msg::StreamItems{id_, kDriver, in.job, 0, true, items, first});
        sent = true;
    }
    if (in.waiting.empty() && (in.closed || stop_asked_)) {
        in.end_told = true;
        out.to_broker(*in.rank, msg::StreamEnd{id_, kDriver, in.job, in.sent, stop_asked_});
    }
    if (sent) changed_.notify_all();
}

void StreamPort::spill_failed(const std::string& text) {
    if (!failure_) failure_ = Failure{"", std::nullopt, text};
    stop_asked_ = true;
    for (Input& in : inputs_) in.waiting.clear();
    for (Sink& sink : sinks_) sink.arrived.clear();
    has_work_.store(true, std::memory_order_release);
    changed_.notify_all();
}

void StreamPort::on(const msg::StreamItems& m, std::uint32_t from, Outbox& out) {
    const std::lock_guard lock(mutex_);
    for (Sink& sink : sinks_) {
        if (sink.job != m.from) continue;
        const std::uint64_t items = m.items->count(), bytes = m.items->bytes.size();
        sink.received += items;
        out.to_broker(from, msg::StreamTaken{id_, m.from, kDriver, items, bytes, -1});
        if (stop_asked_) return;
        try {
            sink.arrived.push(m.items);
        } catch (const std::runtime_error& error) {
            spill_failed(error.what());
        }
        changed_.notify_all();
    }
}

void StreamPort::on(const msg::StreamEnd& m) {
    const std::lock_guard lock(mutex_);
    for (Sink& sink : sinks_) {
        if (sink.job != m.from) continue;
        sink.ended = true;
        sink.failed = m.failed;
        if (m.items != sink.received && !failure_)
            failure_ = Failure{sink.name, std::nullopt,
                               "results were lost: " + std::to_string(m.items) + " were sent and " +
                                   std::to_string(sink.received) + " have come; this is a bug of Penstock"};
    }
    changed_.notify_all();
}

void StreamPort::on(const msg::StreamTaken& m, std::uint32_t from) {
    const std::lock_guard lock(mutex_);
    for (Input& in : inputs_) {
        if (in.job != m.to) continue;
        in.rank = from;  // the first one says where it is
        in.items -= std::min(in.items, m.items);
        in.bytes -= std::min(in.bytes, m.bytes);
        has_work_.store(true, std::memory_order_release);
    }
}

void StreamPort::job_failed(JobIndex job, const std::string& error) {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    ItemError parts = parts_of_item_error(error);
    failure_ = Failure{std::string(stage_shown_for(plan_->templates[plan_->template_of(job).value].name)), parts.item,
                       std::move(parts.cause)};
    changed_.notify_all();
}

void StreamPort::over(bool succeeded) {
    const std::lock_guard lock(mutex_);
    over_ = true;
    if (!succeeded && !failure_ && !stop_asked_) failure_ = Failure{"", std::nullopt, "the stream failed"};
    changed_.notify_all();
}

void StreamPort::run_stops() {
    const std::lock_guard lock(mutex_);
    run_stops_ = true;
    changed_.notify_all();
}

}  // namespace penstock
