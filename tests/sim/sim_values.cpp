#include "sim/sim_values.hpp"

#include "sim/model.hpp"
#include "sim/random_plan.hpp"
#include "value/value_json.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

namespace penstock::sim {

namespace {

// Tests run beside one another.
std::filesystem::path spill_folder() {
    return std::filesystem::temp_directory_path() / ("penstock-sim-" + std::to_string(::getpid()));
}

// A short text: thousands of them are copied.
Value output(const JobRef& job, std::uint32_t attempt, const std::string& key, std::size_t bytes) {
    return Value(std::to_string(job.pipeline.value) + ":" + std::to_string(job.job) + ":" + std::to_string(attempt) +
                 ":" + key + std::string(bytes, 'x'));
}

struct Said {
    std::uint32_t job = 0, attempt = 0;
};
Said read(const Value& value) {
    Said said;
    if (!value.is(Value::Type::string)) return said;
    if (std::sscanf(value.string().c_str(), "%*u:%u:%u:", &said.job, &said.attempt) != 2) said.attempt = 0;
    return said;
}

}  // namespace

SimValues::SimValues(World& world, std::uint32_t rank, std::function<void()> wake)
    : world_(world),
      wake_(std::move(wake)),
      cache_(spill_folder(), rank, world.scenario().cache_bytes),
      exchange_(rank, cache_) {}

void SimValues::keep(const JobRef& job, std::uint32_t attempt) {
    auto made = std::make_shared<Document>();
    for (const char* key : kOutputs) made->emplace(key, output(job, attempt, key, world_.scenario().output_bytes));
    cache_.keep(job.pipeline, JobIndex(job.job), std::move(made));
}

void SimValues::fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner, Outbox& out) {
    if (world_.scenario().fault == Fault::inputs_unasked && world_.random().chance(0.2)) {
        unasked_.push_back(job.ticket);
        return;
    }
    exchange_.fetch(job, holder, located, pipeliner, out);
}

void SimValues::forget_what_was_asked(const msg::Fetch& m) {
    for (const JobRun& run : m.jobs) cache_.release({m.pipeline, run.first, 1});
}

// A thread reads them in the real one: some time later they are here.
void SimValues::ask_files() {
    for (const StoredRequest& request : exchange_.take_stored_requests()) {
        StoredAnswer answer;
        answer.request = request.request;
        for (const StoredRequest::Place& place : request.places) {
            const auto row = place.file < request.files.size() && world_.scenario().fault != Fault::lose_stored
                                 ? world_.disk().read(request.files[place.file], place.row)
                                 : std::nullopt;
            answer.values.push_back(
                row ? std::optional(output(row->job, row->attempt, request.key, world_.scenario().output_bytes))
                    : std::nullopt);
        }
        world_.after(world_.random().time(1000, 100'000'000), [this, late = std::move(answer)]() mutable {
            from_files_.push_back(std::move(late));
            wake_();
        });
    }
}

void SimValues::turn(Outbox& out) {
    for (StoredAnswer& answer : std::exchange(from_files_, {})) exchange_.stored(std::move(answer), out);
}

std::vector<std::uint64_t> SimValues::take_arrived() {
    std::vector<std::uint64_t> arrived = exchange_.take_arrived();
    for (const std::uint64_t ticket : std::exchange(unasked_, {})) arrived.push_back(ticket);
    return arrived;
}

std::unique_ptr<FetchedInputs> SimValues::take(const JobStart& job) {
    auto inputs = exchange_.take_inputs(job.ticket);
    const std::uint32_t first = job.pipeline->plan->templates[job.job.value].first_job.value;
    const std::string name = text({job.pipeline->info.id, first + job.instance});
    if (inputs == nullptr) throw Violation("values", name + " starts without its inputs");
    if (!inputs->problem.empty()) throw Violation("values", name + ": " + inputs->problem);
    check(job, *inputs);
    return inputs;
}

void SimValues::put_back(std::uint64_t ticket, std::unique_ptr<FetchedInputs> inputs) {
    exchange_.put_back(ticket, std::move(inputs));
}

// What each binding has got, beside the producers it reads, in their order.
void SimValues::check(const JobStart& start, const FetchedInputs& inputs) const {
    const Plan& plan = *start.pipeline->plan;
    const PipelineId id = start.pipeline->info.id;
    const JobRef job{id, plan.templates[start.job.value].first_job.value + start.instance};
    std::size_t next = 0;
    for (const Binding& b : plan.templates[start.job.value].bindings) {
        const bool any = next < inputs.values.size();
        const Value& value = any ? inputs.values[next++] : Value();
        const List list = !any ? List() : b.list ? value.list() : List{value};
        std::size_t at = 0;
        for (const Binding::Producer& p : b.producers) {
            const Edge e{p.job, start.job, p.relation, When::succeeded, true, p.grouping};
            for (const std::uint32_t producer : producers_of(plan, e, start.instance)) {
                const Value* const one = at < list.size() ? &list[at] : nullptr;
                const bool left_out = b.missing == Missing::drop && one != nullptr && read(*one).job != producer;
                check(job, {id, producer}, b.key_of(p), left_out ? nullptr : one);
                at += left_out || one == nullptr ? 0 : 1;
            }
        }
        if (at != list.size())
            throw Violation("values", text(job) + " gets " + std::to_string(list.size()) + " values where it reads " +
                                          std::to_string(at));
    }
}

void SimValues::check(const JobRef& job, const JobRef& producer, const std::string& key, const Value* value) const {
    std::uint32_t attempt = 0;
    if (value != nullptr && !value->is(Value::Type::null)) {
        attempt = read(*value).attempt;
        if (*value != output(producer, attempt, key, world_.scenario().output_bytes))
            throw Violation("values", text(job) + " reads `" + key + "` of " + text(producer) + " and gets " +
                                          to_json(*value).substr(0, 100));
    }
    world_.tell([&](Checker& c) { c.gathered(job, producer, attempt); });
}

}  // namespace penstock::sim
