// A handle of a stream that was started: what it feeds by itself, and the port of it.
#pragma once

#include "language/stream_form.hpp"
#include "run/stream_port.hpp"

#include <penstock/stream_pipeline.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

class StreamHandle::Impl {
public:
    Impl(PipelineManager& manager, PipelineNumber number, std::string name, std::shared_ptr<StreamPort> port,
         std::vector<StreamForm::Feed> feeds);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    PipelineNumber number() const { return number_; }
    std::size_t the_input() const;
    std::size_t input(std::string_view name) const;
    std::size_t the_sink() const;
    std::size_t sink(std::string_view name) const;

    bool put(std::size_t input, const Value& item);
    void close();  // all inputs that are not fed here
    void close(std::size_t input) { port_->close(input); }
    std::optional<Value> get(std::size_t sink, std::optional<double> timeout_s);
    bool ended(std::size_t sink) const { return port_->all_read(sink); }
    void stop() { port_->stop(); }
    PipelineStatus wait();

private:
    void feed(std::size_t input, const StreamForm::Feed& feed);

    PipelineManager& manager_;
    const PipelineNumber number_;
    const std::string name_;
    const std::shared_ptr<StreamPort> port_;
    const std::vector<std::string> inputs_, sinks_;
    std::vector<bool> fed_here_;  // by input
    std::vector<std::jthread> feeding_;
};

}  // namespace penstock
