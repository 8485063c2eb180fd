#include "run/stream_desk.hpp"

#include <type_traits>

namespace penstock {

StreamDesk::~StreamDesk() { close(); }

void StreamDesk::close() {
    run_stops();
    for (auto& [id, port] : ports_) port->detach();
    ports_.clear();
}

StreamPort* StreamDesk::port(PipelineId id) {
    const auto at = ports_.find(id);
    return at == ports_.end() ? nullptr : at->second.get();
}

void StreamDesk::open(PipelineId id, std::shared_ptr<StreamPort> port) {
    port->attach(id, waker_);
    ports_.emplace(id, std::move(port));
}

bool StreamDesk::take(const BrokerMessage& message, std::uint32_t from, Outbox& out) {
    return std::visit(
        [&]<class M>(const M& m) {
            if constexpr (std::is_same_v<M, msg::StreamItems> || std::is_same_v<M, msg::StreamEnd>) {
                if (m.to != kDriver) return false;
                StreamPort* const to = port(m.pipeline);
                if constexpr (std::is_same_v<M, msg::StreamItems>) {
                    if (to != nullptr) to->on(m, from, out);
                } else {
                    if (to != nullptr) to->on(m);
                }
                return true;
            } else if constexpr (std::is_same_v<M, msg::StreamTaken>) {
                if (m.from != kDriver) return false;
                if (StreamPort* const to = port(m.pipeline)) to->on(m, from);
                return true;
            } else {
                return false;
            }
        },
        message);
}

std::vector<PipelineId> StreamDesk::work(Outbox& out) {
    std::vector<PipelineId> to_stop;
    for (auto& [id, port] : ports_)
        if (port->has_work() && port->work(out)) to_stop.push_back(id);
    return to_stop;
}

void StreamDesk::job_failed(PipelineId id, JobIndex job, const std::string& error) {
    if (StreamPort* const to = port(id)) to->job_failed(job, error);
}

void StreamDesk::over(PipelineId id, bool succeeded) {
    const auto at = ports_.find(id);
    if (at == ports_.end()) return;
    at->second->over(succeeded);
    at->second->detach();
    ports_.erase(at);
}

void StreamDesk::run_stops() {
    for (auto& [id, port] : ports_) port->run_stops();
}

}  // namespace penstock
