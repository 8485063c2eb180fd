#include "language/stream_flow.hpp"

#include <cmath>

namespace penstock {

namespace {

[[noreturn]] void refuse(const StageSpec& stage, const std::string& problem, const std::string& remedy) {
    const std::string& name = stage.name().empty() ? stage.worker() : stage.name();
    throw std::invalid_argument("stage `" + name + "`: " + problem + "; " + remedy);
}

std::string_view text(ItemFailure what) {
    switch (what) {
        case ItemFailure::fail:
            return "fail";
        case ItemFailure::skip:
            return "skip";
        case ItemFailure::retry:
            return "retry";
    }
    return "fail";
}

}  // namespace

std::optional<Value> StageSpec::item(Value value) noexcept { return value; }

StageSpec::StageSpec(std::string worker, Document with) : worker_(std::move(worker)), with_(std::move(with)) {}

StageSpec StageSpec::set(std::string key, Value value) const {
    StageSpec changed = *this;
    changed.settings_.insert_or_assign(std::move(key), std::move(value));
    return changed;
}

StageSpec StageSpec::named(std::string name) const {
    StageSpec changed = *this;
    changed.name_ = std::move(name);
    return changed;
}

StageSpec StageSpec::with(std::string key, Value value) const {
    StageSpec changed = *this;
    changed.with_.insert_or_assign(std::move(key), std::move(value));
    return changed;
}

StageSpec StageSpec::workers(std::int64_t workers) const {
    if (workers < 1)
        refuse(*this,
               std::to_string(workers) + " workers were asked for, and without a worker nothing works on its items",
               "give it 1 or more");
    if (is_input_ && workers > 1)
        refuse(*this,
               std::to_string(workers) + " workers were asked for, and its items come from the driver function alone",
               "leave workers() out");
    return set("workers", workers);
}

StageSpec StageSpec::queue(std::int64_t items) const {
    if (items < 0)
        refuse(*this,
               "a queue of " + std::to_string(items) + " items was asked for, and no queue can be shorter than empty",
               "give it a positive bound, or 0 for the default");
    return set("queue", items);
}

StageSpec StageSpec::ordered(bool keeps_order) const { return set("ordered", keeps_order); }
StageSpec StageSpec::on_error(ItemFailure what) const { return set("on-error", text(what)); }
StageSpec StageSpec::retries(std::int64_t further_attempts) const {
    if (further_attempts < 0)
        refuse(*this, std::to_string(further_attempts) + " further attempts were asked for", "give it 0 or more");
    return on_error(ItemFailure::retry).set("retries", further_attempts);
}
StageSpec StageSpec::timeout(double seconds) const {
    if (!std::isfinite(seconds) || seconds <= 0)
        refuse(*this, "a timeout that is no positive time lets no item be worked on", "give it seconds above 0");
    return set("timeout", seconds);
}
StageSpec StageSpec::cpus(std::int64_t cpus) const { return set("cpus", cpus); }
StageSpec StageSpec::memory_bytes(std::int64_t bytes) const { return set("memory", bytes); }
StageSpec StageSpec::resource(std::string name, std::int64_t amount) const {
    const auto known = settings_.find("resources");
    Map all = known == settings_.end() ? Map{} : known->second.map();
    all.insert_or_assign(std::move(name), amount);
    return set("resources", std::move(all));
}
StageSpec StageSpec::priority(std::int64_t priority) const { return set("priority", priority); }
StageSpec StageSpec::run_inline() const { return set("isolation", "inline"); }
StageSpec StageSpec::save_none() const { return set("save", "none"); }

StageSpec StageSpec::dead_end() const {
    StageSpec changed = set("save", "none");
    changed.dead_end_ = true;
    return changed;
}

StageSpec StageSpec::marked_as_source() const {
    StageSpec changed = *this;
    changed.is_source_ = true;
    return changed;
}

StageSpec source(std::string worker, Document with) {
    return StageSpec(std::move(worker), std::move(with)).marked_as_source();
}

StageSpec input(std::string name) {
    StageSpec made = StageSpec("@driver").named(std::move(name)).marked_as_source();
    made.is_input_ = true;
    return made;
}

StageSpec source_of(std::function<StageSpec::Items()> begin) {
    StageSpec made = StageSpec("@driver").marked_as_source();
    made.is_input_ = true;
    made.feed_ = std::move(begin);
    return made;
}

}  // namespace penstock
