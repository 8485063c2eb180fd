#include "cli/stream_handle.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace penstock {

namespace {

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "`" : ", `") + name + "`";
    return text;
}

[[noreturn]] void stopped() { throw RunStopped("the run ends early: the stream is not gone on with"); }

// Beyond a year it is for ever.
std::optional<std::chrono::steady_clock::time_point> time_after(std::optional<double> seconds) {
    constexpr double kLongest = 365.0 * 86400;
    if (!seconds || std::isnan(*seconds) || *seconds > kLongest) return std::nullopt;
    return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                  std::chrono::duration<double>(std::max(0.0, *seconds)));
}

}  // namespace

StreamHandle::Impl::Impl(PipelineManager& manager, PipelineNumber number, std::string name,
                         std::shared_ptr<StreamPort> port, std::vector<StreamForm::Feed> feeds)
    : manager_(manager),
      number_(number),
      name_(std::move(name)),
      port_(std::move(port)),
      inputs_(port_->inputs()),
      sinks_(port_->sinks()),
      fed_here_(inputs_.size(), false) {
    for (StreamForm::Feed& each : feeds) {
        const auto at =
            static_cast<std::size_t>(std::find(inputs_.begin(), inputs_.end(), each.input) - inputs_.begin());
        fed_here_[at] = true;
        feeding_.emplace_back([this, at, one = std::move(each)] { feed(at, one); });
    }
}

// Those that feed it see the end of the stream at their next item, and the driver function waits for them.
StreamHandle::Impl::~Impl() { port_->stop(); }

void StreamHandle::Impl::feed(std::size_t input, const StreamForm::Feed& feed) {
    const auto failed = [&](std::string cause) { port_->fail({feed.input, std::nullopt, std::move(cause)}); };
    try {
        const StageSpec::Items next = feed.begin();
        while (const std::optional<Value> item = next())
            if (port_->put(input, *item) != StreamPort::Put::taken) break;
    } catch (const std::exception& error) {
        failed(error.what());
    } catch (...) {
        failed("something that is no std::exception was thrown");
    }
    port_->close(input);
}

std::size_t StreamHandle::Impl::the_input() const {
    std::size_t found = inputs_.size();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (fed_here_[i]) continue;
        if (found != inputs_.size())
            throw PipelineError("stream `" + name_ + "` has several inputs, " + listed(inputs_) +
                                ": say which one the item is for");
        found = i;
    }
    if (found == inputs_.size())
        throw PipelineError(
            "stream `" + name_ +
            "` has no input: its sources make all items; begin it with a stage that is no source, or with "
            "input()");
    return found;
}

std::size_t StreamHandle::Impl::input(std::string_view name) const {
    const auto at = std::find(inputs_.begin(), inputs_.end(), name);
    if (at == inputs_.end())
        throw PipelineError("stream `" + name_ + "` has no input `" + std::string(name) + "`" +
                            (inputs_.empty() ? std::string() : "; it has " + listed(inputs_)));
    const auto index = static_cast<std::size_t>(at - inputs_.begin());
    if (fed_here_[index])
        throw PipelineError("`" + std::string(name) + "` of stream `" + name_ + "` makes its items by itself");
    return index;
}

std::size_t StreamHandle::Impl::the_sink() const {
    if (sinks_.size() == 1) return 0;
    throw PipelineError("stream `" + name_ +
                        (sinks_.empty() ? "` has no results: all of its last stages are dead ends"
                                        : "` has several sinks, " + listed(sinks_) + ": say which one to read"));
}

std::size_t StreamHandle::Impl::sink(std::string_view name) const {
    const auto at = std::find(sinks_.begin(), sinks_.end(), name);
    if (at != sinks_.end()) return static_cast<std::size_t>(at - sinks_.begin());
    throw PipelineError("stream `" + name_ + "` has no results of `" + std::string(name) +
                        "`: only stages whose items no other takes, and that are no dead ends, have some; here " +
                        (sinks_.empty() ? "there are none" : listed(sinks_)));
}

bool StreamHandle::Impl::put(std::size_t input, const Value& item) {
    switch (port_->put(input, item)) {
        case StreamPort::Put::taken:
            return true;
        case StreamPort::Put::ended:
            return false;
        case StreamPort::Put::closed:
            throw PipelineError("an item was put into stream `" + name_ +
                                "` after it was closed: the stages have been told that no more comes; put it before "
                                "close(), or run the stream once more for it");
        case StreamPort::Put::stopped:
            stopped();
    }
    return false;
}

void StreamHandle::Impl::close() {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
        if (!fed_here_[i]) port_->close(i);
}

std::optional<Value> StreamHandle::Impl::get(std::size_t sink, std::optional<double> timeout_s) {
    StreamPort::Got got = port_->get(sink, time_after(timeout_s));
    switch (got.what) {
        case StreamPort::Got::What::item:
            return std::move(got.item);
        case StreamPort::Got::What::ended:
        case StreamPort::Got::What::late:
            return std::nullopt;
        case StreamPort::Got::What::failed: {
            StreamPort::Failure failure = port_->failure();
            throw StreamError(std::move(failure.stage), failure.item, std::move(failure.cause));
        }
        case StreamPort::Got::What::stopped:
            stopped();
    }
    return std::nullopt;
}

PipelineStatus StreamHandle::Impl::wait() {
    close();
    return manager_.wait(number_);
}

// ------------------------------------------------------------------------------------------ the handle

StreamHandle::StreamHandle(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamHandle::StreamHandle(StreamHandle&&) noexcept = default;
StreamHandle& StreamHandle::operator=(StreamHandle&&) noexcept = default;
StreamHandle::~StreamHandle() = default;

PipelineNumber StreamHandle::number() const { return impl_->number(); }
bool StreamHandle::put(const Value& item) { return impl_->put(impl_->the_input(), item); }
bool StreamHandle::put(std::string_view input, const Value& item) { return impl_->put(impl_->input(input), item); }
void StreamHandle::close() { impl_->close(); }
void StreamHandle::close(std::string_view input) { impl_->close(impl_->input(input)); }
std::optional<Value> StreamHandle::get() { return impl_->get(impl_->the_sink(), std::nullopt); }
std::optional<Value> StreamHandle::get(std::string_view sink) { return impl_->get(impl_->sink(sink), std::nullopt); }
std::optional<Value> StreamHandle::get(double timeout_s) { return impl_->get(impl_->the_sink(), timeout_s); }
std::optional<Value> StreamHandle::get(std::string_view sink, double timeout_s) {
    return impl_->get(impl_->sink(sink), timeout_s);
}
bool StreamHandle::ended() const { return impl_->ended(impl_->the_sink()); }
bool StreamHandle::ended(std::string_view sink) const { return impl_->ended(impl_->sink(sink)); }

StreamHandle::Results StreamHandle::results() {
    return Results([impl = impl_.get(), sink = impl_->the_sink()] { return impl->get(sink, std::nullopt); });
}
StreamHandle::Results StreamHandle::results(std::string_view name) {
    return Results([impl = impl_.get(), sink = impl_->sink(name)] { return impl->get(sink, std::nullopt); });
}

namespace {
std::optional<Value> last_of(StreamHandle::Results results) {
    std::optional<Value> last;
    for (const Value& item : results) last = item;
    return last;
}
}  // namespace

std::optional<Value> StreamHandle::execute() {
    close();
    return last_of(results());
}
std::optional<Value> StreamHandle::execute(std::string_view sink) {
    close();
    return last_of(results(sink));
}

void StreamHandle::stop() { impl_->stop(); }
PipelineStatus StreamHandle::wait() { return impl_->wait(); }

}  // namespace penstock
