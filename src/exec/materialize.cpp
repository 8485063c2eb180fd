#include "exec/materialize.hpp"

#include "exec/stage_known.hpp"

#include <fmt/format.h>

#include <utility>

namespace penstock {

namespace {

constexpr std::string_view kDefinitionDirectory = "definition-dir";

// The values of one ticket's keys, each looked up at most once.
class Keys {
public:
    Keys(const Ticket& ticket, const Retrieve& retrieve)
        : ticket_(ticket), job_(*ticket.job), values_(job_.bindings.size(), nullptr) {
        owned_.reserve(job_.bindings.size());
        retrieve_stored(retrieve);
        std::size_t input = 0;
        for (std::size_t b = 0; b < job_.bindings.size(); ++b)
            if (job_.bindings[b].from == Binding::From::outputs) values_[b] = &fetched(job_.bindings[b], input++);
    }

    // By position in JobTemplate::bindings.
    const Value& bound(std::size_t b) {
        if (values_[b] == nullptr) values_[b] = &keep(resolve(job_.bindings[b]));
        return *values_[b];
    }

    // The parameter with its placeholders filled in.
    const Value& parameter(const std::string& name) {
        if (const auto done = parameters_.find(name); done != parameters_.end()) return done->second;
        const auto raw = job_.with.find(name);
        if (raw == job_.with.end()) missing(name, "the job's `with:` does not have it");
        for (const std::string& open : open_)
            if (open == name)
                throw ValueError(fmt::format(
                    "{}: the parameter \"{}\" refers to itself by its placeholders; give it a value", label(), name));
        open_.push_back(name);
        Value filled = fill_placeholders(raw->second, [this](std::string_view key) { return named(key); });
        open_.pop_back();
        return parameters_.emplace(name, std::move(filled)).first->second;
    }

    Document take_parameters() {
        for (const auto& [name, raw] : job_.with) parameter(name);
        return std::move(parameters_);
    }

private:
    Value named(std::string_view key) {
        if (!open_.empty() && open_.back() == key)  // in its own text a parameter means the data of its name
            for (std::size_t b = 0; b < job_.bindings.size(); ++b)
                if (job_.bindings[b].key == data_behind_parameter(key)) return bound(b);
        for (std::size_t b = 0; b < job_.bindings.size(); ++b)
            if (job_.bindings[b].key == key) return bound(b);
        if (key == kDefinitionDirectory) return ticket_.pipeline->plan->definition_directory;
        missing(key, "nothing gives a value to the placeholder");
    }

    Value resolve(const Binding& binding) {
        switch (binding.from) {
            case Binding::From::for_each:
                if (job_.for_each == nullptr) missing(binding.key, "the job has no for-each");
                return job_.for_each->value(binding.source_key, ticket_.instance);
            case Binding::From::with:
                return parameter(binding.source_key);
            case Binding::From::data:
                if (const Value* value = find_data(*ticket_.pipeline->plan, ticket_.pipeline->info, binding.source_key))
                    return *value;
                return absent(binding, "neither the pipeline's `data:` nor --set has it");
            case Binding::From::outputs:
            case Binding::From::store:
                break;  // the constructor did these
        }
        return absent(binding, "the store does not have it");
    }

    const Value& keep(Value value) { return owned_.emplace_back(std::move(value)); }

    const Value& fetched(const Binding& binding, std::size_t input) const {
        if (ticket_.inputs != nullptr && !ticket_.inputs->problem.empty())
            missing(binding.key, ticket_.inputs->problem);
        if (ticket_.inputs == nullptr || input >= ticket_.inputs->values.size())
            missing(binding.key, "its producer's output did not arrive");
        return ticket_.inputs->values[input];
    }

    void retrieve_stored(const Retrieve& retrieve) {
        std::vector<std::string> keys;
        for (const Binding& binding : job_.bindings)
            if (binding.from == Binding::From::store) keys.push_back(binding.source_key);
        if (keys.empty() || !retrieve) return;
        const Document stored = retrieve(keys);
        for (std::size_t b = 0; b < job_.bindings.size(); ++b) {
            if (job_.bindings[b].from != Binding::From::store) continue;
            if (const auto found = stored.find(job_.bindings[b].source_key); found != stored.end())
                values_[b] = &keep(found->second);
        }
    }

    Value absent(const Binding& binding, std::string_view why) const {
        if (binding.missing == Missing::fail) missing(binding.key, why);
        return {};
    }

    [[noreturn]] void missing(std::string_view key, std::string_view why) const {
        throw MissingKey(fmt::format("{}: the key \"{}\" is missing: {}", label(), key, why));
    }

    std::string label() const { return job_label(job_, ticket_.instance); }

    const Ticket& ticket_;
    const JobTemplate& job_;
    std::vector<const Value*> values_;  // by binding; null = not looked up yet
    std::vector<Value> owned_;          // never more than bindings: pointers into it stay good
    Document parameters_;
    std::vector<std::string> open_;  // parameters being filled in
};

}  // namespace

Materialized materialize(const Ticket& ticket, bool keep_placeholders, const Retrieve& retrieve) {
    Materialized result;
    result.batch = ticket.batch.get();
    const JobTemplate& job = *ticket.job;
    if (job.bindings.empty() && job.with.empty()) return result;

    Keys keys(ticket, retrieve);
    for (std::size_t b = 0; b < job.bindings.size(); ++b) {
        const Binding& binding = job.bindings[b];
        if (!keep_placeholders && !binding.in_document) continue;  // looked up when a placeholder asks for it
        const Value& value = keys.bound(b);
        if (binding.in_document) result.document.insert_or_assign(binding.key, value);
        if (keep_placeholders) result.scope.insert_or_assign(binding.key, value);
    }
    if (keep_placeholders)
        for (std::size_t b = 0; b < job.bindings.size(); ++b)
            if (const std::string& name = job.bindings[b].source_key;
                job.bindings[b].key == data_behind_parameter(name))
                result.scope.emplace(name, keys.bound(b));
    result.parameters = keep_placeholders ? job.with : keys.take_parameters();
    if (keep_placeholders && result.batch != nullptr)
        result.parameters.emplace(kKnownValues, std::exchange(result.scope, {}));
    return result;
}

}  // namespace penstock
