#include "exec/stage_server.hpp"

#include "exec/error_text.hpp"
#include "exec/stage_items.hpp"
#include "exec/stage_setting.hpp"
#include "exec/stage_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

StageAnswer failed(std::string error) {
    StageAnswer answer;
    answer.error = std::move(error);
    answer.fatal = true;
    return answer;
}

// A MapWorker, or a job's Worker in its place.
class MapStage final : public StageObject {
public:
    MapStage(const WorkerType& type, StageForm form, const JobPlace& place, const JobInstance& job,
             const StageRequest& request)
        : type_(type), form_(form), setting_(place, job, request) {}

    StageAnswer serve(StageRequest request, std::uint32_t attempt) override {
        setting_.set_attempt(attempt);
        ended_ = request.what == StageRequest::Do::finish;
        if (ended_) return {};
        if (request.what != StageRequest::Do::items) return failed("a map has nothing to go on with");
        try {
            start();
        } catch (...) {
            return failed(current_error());
        }
        return map(std::move(request.items));
    }

    bool ended() const override { return ended_; }

private:
    // For results: most are about as long as their items. Not for large ones, which may be dropped.
    static constexpr std::size_t kMostReserved = 4 * kPortionBytes;

    void start() {
        if (map_ != nullptr || worker_ != nullptr) return;
        if (form_ == StageForm::map) {
            auto fresh = type_.create_form ? type_.create_form(form_) : type_.create_stage();
            fresh->start(setting_.context());
            map_.reset(static_cast<MapWorker*>(fresh.release()));
        } else {
            auto fresh = type_.create();
            fresh->start();
            worker_ = std::move(fresh);
        }
    }

    StageAnswer map(StreamItems items) {
        StageAnswer answer;
        ItemsWriter results;
        results.sizes.reserve(items.count());
        results.bytes.reserve(std::min(items.bytes.size(), kMostReserved));
        ItemReader reader(std::move(items), &keeps_);
        try {
            for (; !reader.ended(); ++answer.done)
                if (const std::optional<Value> result = apply(reader.next())) append_item(*result, results);
        } catch (...) {
            answer.error = current_error();
        }
        answer.items = results.take();
        return answer;
    }

    std::optional<Value> apply(const Value& item) {
        if (map_ != nullptr) return map_->on_item(item, setting_.context());
        const bool is_document = item.is(Value::Type::map);
        return worker_->process(is_document ? item.map() : Document{{"item", item}}, setting_.context());
    }

    const WorkerType& type_;
    const StageForm form_;
    StageSetting setting_;
    std::unique_ptr<MapWorker> map_;
    std::unique_ptr<Worker> worker_;
    bool ended_ = false;
    bool keeps_ = false;  // items beyond the call that gets them
};

// Why an object that has just been made cannot do what is asked; "" = it can.
std::string_view what_was_lost(StageForm form, const StageRequest& request) {
    if (request.what == StageRequest::Do::go_on)
        return "the worker process of this stage ended while it was making results, and what it had not sent is lost "
               "with it";
    if (form == StageForm::fold && request.continues && !request.restores)
        return "the worker process of this fold ended, and what it had made of the items so far is lost with it";
    return {};
}

}  // namespace

StageAnswer StageServer::serve(const JobPlace& place, const JobInstance& job, StageRequest request) {
    thread_time_ = {};
    const std::string& name = job.description->worker;
    const auto type = std::find_if(types_.begin(), types_.end(), [&](const WorkerType& t) { return t.name == name; });
    if (type == types_.end()) throw std::runtime_error(fmt::format("this program has no worker type \"{}\"", name));
    if (stream_job_ != request.stream_job || request.restores) object_.reset();
    if (object_ == nullptr && request.what == StageRequest::Do::go_on)
        return failed(std::string(what_was_lost(form_, request)));
    if (object_ == nullptr) {
        const bool takes_items = request.what != StageRequest::Do::start;
        form_ = type->form_of ? type->form_of(*job.parameters, takes_items) : type->form;
    }
    // The end of what a fold makes is the end of any other form: it is not begun for it, nor left to go on.
    if (request.what == StageRequest::Do::finish && form_ != StageForm::fold) {
        object_.reset();
        return {};
    }
    if (object_ == nullptr) {
        if (const auto lost = what_was_lost(form_, request); !lost.empty()) {
            StageAnswer answer = failed(std::string(lost));
            answer.lost = true;
            return answer;
        }
        try {
            make_object(*type, place, job, request);
        } catch (...) {
            return failed(current_error());
        }
    }
    const double before = object_->thread_cpu_s();
    StageAnswer answer = object_->serve(std::move(request), job.attempt);
    const double after = object_->thread_cpu_s();
    thread_time_ = {before - thread_cpu_s_, after - before};
    thread_cpu_s_ = after;
    if (object_->ended() && !answer.more) object_.reset();
    return answer;
}

void StageServer::make_object(const WorkerType& type, const JobPlace& place, const JobInstance& job,
                              const StageRequest& request) {
    stream_job_ = request.stream_job;
    thread_cpu_s_ = 0;
    if (form_ == StageForm::map || form_ == StageForm::none)
        object_ = std::make_unique<MapStage>(type, form_, place, job, request);
    else
        object_ = std::make_unique<StageThread>(type, form_, place, job, request);
}

}  // namespace penstock
