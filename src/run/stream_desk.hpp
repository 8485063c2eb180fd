// The driver function's end of the streams it feeds and reads, at the pump of rank 0: brings messages to the ports of
// these streams, and what was put in them to brokers.
//
// Thread: the pump's.
#pragma once

#include "run/stream_port.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

class StreamDesk {
public:
    explicit StreamDesk(Waker& waker) : waker_(waker) {}
    ~StreamDesk();
    StreamDesk(const StreamDesk&) = delete;
    StreamDesk& operator=(const StreamDesk&) = delete;

    void open(PipelineId id, std::shared_ptr<StreamPort> port);
    // True when the message is for the driver function and not for the broker of this rank.
    bool take(const BrokerMessage& message, std::uint32_t from, Outbox& out);
    // Sends what was put. The streams to be stopped.
    std::vector<PipelineId> work(Outbox& out);

    bool has(PipelineId id) const { return ports_.contains(id); }
    void job_failed(PipelineId id, JobIndex job, const std::string& error);
    void over(PipelineId id, bool succeeded);
    void run_stops();
    void close();  // nothing comes or goes any more

private:
    StreamPort* port(PipelineId id);

    Waker& waker_;
    std::unordered_map<PipelineId, std::shared_ptr<StreamPort>> ports_;
};

}  // namespace penstock
