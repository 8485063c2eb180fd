// A generator, fold or source with a thread of its own, for what it may have to wait in.
//
// The thread works on one request, and the thread that calls serve() waits meanwhile: until the request is done, or
// emit() has a portion. Only a source (or finish()) that has made a result and is slow with the next one is not waited
// for longer than kMostWait; it may then go on until its next emit(), but nothing else of its object is called.
#pragma once

#include "exec/stage_items.hpp"
#include "exec/stage_server.hpp"
#include "exec/stage_setting.hpp"

#include <penstock/running_fold.hpp>
#include <penstock/worker.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace penstock {

class StageThread final : public StageObject, private Emit {
public:
    static constexpr std::int64_t kMostWait = 5'000'000;  // nanoseconds

    // Throws what the constructor of the worker throws.
    StageThread(const WorkerType& type, StageForm form, const JobPlace& place, const JobInstance& job,
                const StageRequest& request);
    ~StageThread() override;

    StageAnswer serve(StageRequest request, std::uint32_t attempt) override;
    bool ended() const override { return ended_; }
    double thread_cpu_s() override;

private:
    using Lock = std::unique_lock<std::mutex>;

    // The caller's of serve().
    void wait_for_results(Lock& lock);
    StageAnswer take_results();

    // The thread's own, but for items of a fold.
    void run();
    void run_request(Lock& lock);
    void work(StageRequest request);
    void restore(const StageRequest& request, ItemReader& items);
    void finish();
    void see(const Value& item);
    void work_on_items(ItemReader& items);
    void hand_over();
    void operator()(Value item) override;
    void print(std::string_view text);
    // What a source and finish() make may be a portion ahead of what is asked for; not in a worker process, which may
    // crash over the next portion before the one before has left.
    bool may_emit() const;

    const StageForm form_;
    StageSetting setting_;
    const std::function<void(std::string_view)> print_;
    const bool may_run_ahead_;

    std::mutex mutex_;
    std::condition_variable asked_;     // for the thread: something changed
    std::condition_variable answered_;  // for the caller of serve()
    std::optional<StageRequest> request_;
    StageRequest::Do what_ = StageRequest::Do::items;
    bool serving_ = false;   // within serve()
    bool busy_ = false;      // with a request
    bool promised_ = false;  // more, in the last answer
    bool blocked_ = false;   // in emit(), with a portion
    bool ended_ = false;
    std::string text_;  // printed between two tickets
    ItemsWriter results_;
    std::int64_t first_result_ = 0;  // when the first of these came
    std::optional<std::string> error_;
    bool fatal_ = false;
    std::optional<Value> state_;  // to be told
    std::optional<double> wake_after_s_;

    // Of the request: the thread's while it runs, the caller's while it waits.
    std::uint32_t done_ = 0;
    std::uint64_t released_ = 0;  // results of the item at hand that have left
    std::uint64_t skip_ = 0;      // these next results have left before: the thread's alone
    std::size_t complete_ = 0;    // results of items that are done with,
    std::size_t complete_bytes_ = 0;

    std::unique_ptr<StageWorker> worker_;
    RunningFoldWorker* const running_;  // the same, if it is one
    const FoldPart part_;
    bool started_ = false;
    bool keeps_ = false;  // items beyond the call that gets them
    std::thread thread_;  // made when first needed
};

}  // namespace penstock
