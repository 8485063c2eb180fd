// Which results of an earlier run still stand: the hashes of jobs.
//
// A job's result depends on its worker, parameters and inputs, on the data keys it uses, and on all of that for the
// producers of its inputs. Most of it is the same for every instance of a template and is hashed once, by
// seal_hashes(). What differs: an instance's own for-each values, which are also those of its twins; and the members of
// its groups.
#include "core/plan.hpp"
#include "value/hash.hpp"

#include <algorithm>
#include <stdexcept>

namespace penstock {

namespace {

std::uint64_t hash_of(const ForEach* for_each) {
    Hasher hasher;
    if (for_each == nullptr) return hasher.value();
    for (const std::vector<Axis>& dimension : for_each->dimensions) {
        hasher.add(std::uint64_t{dimension.size()});
        for (const Axis& axis : dimension) {
            hasher.add(axis.name).add(std::uint64_t{axis.values.index()}).add(axis.size());
            if (const auto* range = std::get_if<Range>(&axis.values))
                hasher.add(Value(range->start)).add(Value(range->step));
            else if (const auto* line = std::get_if<Linspace>(&axis.values))
                hasher.add(Value(line->first)).add(Value(line->last));
            else
                for (const Value& value : std::get<std::vector<Value>>(axis.values)) hasher.add(value);
        }
    }
    return hasher.value();
}

template <class F>
void each_producer(const JobTemplate& job, F&& f) {
    for (const Binding& binding : job.bindings)
        if (binding.from == Binding::From::outputs)
            for (const Binding::Producer& producer : binding.producers) f(binding, producer);
}

// Every template whose results it reads: producers of inputs, and the stages whose items it takes.
template <class F>
void each_above(const Plan& plan, std::uint32_t index, F&& f) {
    each_producer(plan.templates[index],
                  [&](const Binding&, const Binding::Producer& producer) { f(producer.job.value); });
    if (plan.is_stream())
        for (const TemplateIndex from : plan.stages[index].from) f(from.value);
}

// All of a job's hash but the data.
std::uint64_t structure_hash(const JobTemplate& job, std::uint32_t instance) {
    if (job.for_each == nullptr && job.group_hashes == nullptr) return job.hash;
    Hasher hasher;
    hasher.add(job.hash);
    if (job.for_each != nullptr) job.for_each->add_values(instance, hasher);
    if (job.group_hashes != nullptr) hasher.add(job.group_hashes->at(instance));
    return hasher.value();
}

std::uint64_t data_hash(const Plan& plan, const PipelineInfo& pipeline, const JobTemplate& job) {
    if (job.data_keys.empty()) return 0;
    Hasher hasher;
    for (const std::string& key : job.data_keys) {
        const Value* value = find_data(plan, pipeline, key);
        hasher.add(key).add(std::uint64_t{value != nullptr});
        if (value != nullptr) hasher.add(*value);
    }
    return hasher.value();
}

class Sealing {
public:
    explicit Sealing(Plan& plan) : plan_(plan), whole_(plan.templates.size()) {}

    void run() {
        for (const std::uint32_t index : producers_first()) {
            seal_template(index);
            seal_data(index);
            seal_groups(plan_.templates[index]);
        }
    }

private:
    // Templates such that producers of inputs precede their consumers.
    std::vector<std::uint32_t> producers_first() const {
        std::vector<std::uint32_t> waiting_for(plan_.templates.size()), order;
        std::vector<std::vector<std::uint32_t>> consumers(plan_.templates.size());
        for (std::uint32_t t = 0; t < plan_.templates.size(); ++t)
            each_above(plan_, t, [&](std::uint32_t producer) {
                consumers.at(producer).push_back(t);
                ++waiting_for[t];
            });
        for (std::uint32_t t = 0; t < plan_.templates.size(); ++t)
            if (waiting_for[t] == 0) order.push_back(t);
        for (std::size_t done = 0; done < order.size(); ++done)
            for (const std::uint32_t consumer : consumers[order[done]])
                if (--waiting_for[consumer] == 0) order.push_back(consumer);
        if (order.size() != plan_.templates.size()) throw std::logic_error("the inputs of a plan form a cycle");
        return order;
    }

    void seal_template(std::uint32_t index) {
        JobTemplate& job = plan_.templates[index];
        std::uint64_t inputs = 0;  // a sum: the order of keys means nothing
        for (const Binding& binding : job.bindings) inputs += hash_of_binding(binding);
        Hasher own;
        own.add(job.worker).add(job.with).add(inputs);
        if (plan_.is_stream()) add_stage(plan_.stages[index], own);
        job.hash = own.value();

        Hasher whole;
        whole.add(job.hash);
        if (!plan_.is_stream()) whole.add(hash_of(job.for_each.get()));  // the items of a stage are those of any worker
        each_producer(
            job, [&](const Binding&, const Binding::Producer& producer) { whole.add(whole_[producer.job.value]); });
        whole_[index] = whole.value();
    }

    // What a stage makes depends on all it gets. How many workers share that, and what their queues are, is no part of
    // it.
    void add_stage(const Stage& stage, Hasher& hasher) const {
        hasher.add(static_cast<std::uint64_t>(stage.merge)).add(static_cast<std::uint64_t>(stage.on_error));
        hasher.add(std::uint64_t{stage.ordered}).add(std::uint64_t{stage.from.size()});
        for (const TemplateIndex from : stage.from) hasher.add(whole_[from.value]);
    }

    std::uint64_t hash_of_binding(const Binding& binding) const {
        Hasher hasher;
        hasher.add(binding.key).add(binding.source_key).add(static_cast<std::uint64_t>(binding.from));
        hasher.add(static_cast<std::uint64_t>(binding.missing));
        hasher.add(std::uint64_t{binding.list}).add(std::uint64_t{binding.in_document});
        for (const Binding::Producer& producer : binding.producers) {
            hasher.add(static_cast<std::uint64_t>(producer.relation));
            if (producer.other_key != 0) hasher.add(binding.key_of(producer));
            hasher.add(producer.relation == Relation::all ? whole_[producer.job.value]
                                                          : plan_.templates[producer.job.value].hash);
        }
        return hasher.value();
    }

    void seal_data(std::uint32_t index) const {
        JobTemplate& job = plan_.templates[index];
        std::vector<std::string> keys;
        bool all = false;
        for (const Binding& binding : job.bindings)
            if (binding.from == Binding::From::data) keys.push_back(binding.source_key);
        sort_unique(keys);
        each_above(plan_, index, [&](std::uint32_t producer) {
            const JobTemplate& above = plan_.templates[producer];
            all = all || above.uses_all_data;
            if (all || std::includes(keys.begin(), keys.end(), above.data_keys.begin(), above.data_keys.end())) return;
            keys.insert(keys.end(), above.data_keys.begin(), above.data_keys.end());
            sort_unique(keys);
            all = keys.size() > kMaxDataKeys;
        });
        job.uses_all_data = all || keys.size() > kMaxDataKeys;
        job.data_keys = job.uses_all_data ? std::vector<std::string>() : std::move(keys);
        job.data_hash = job.uses_all_data ? Hasher().add(plan_.data).value() : data_hash(plan_, PipelineInfo(), job);
    }

    static void sort_unique(std::vector<std::string>& keys) {
        std::sort(keys.begin(), keys.end());
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    }

    void seal_groups(JobTemplate& job) const {
        std::shared_ptr<std::vector<std::uint64_t>> hashes;
        each_producer(job, [&](const Binding&, const Binding::Producer& producer) {
            const JobTemplate& above = plan_.templates[producer.job.value];
            const bool twin_of_groups = producer.relation == Relation::twin && above.group_hashes != nullptr;
            if (!twin_of_groups && producer.relation != Relation::group) return;
            if (hashes == nullptr) hashes = std::make_shared<std::vector<std::uint64_t>>(job.count);
            const auto add = [&hashes](std::uint32_t instance, std::uint64_t hash) {
                std::uint64_t& sum = hashes->at(instance);
                sum = Hasher().add(sum).add(hash).value();
            };
            if (twin_of_groups) {
                for (std::uint32_t i = 0; i < job.count; ++i) add(i, above.group_hashes->at(i));
            } else {
                const Grouping& grouping = plan_.groupings.at(producer.grouping);
                for (std::uint32_t i = 0; i < above.count; ++i)
                    add(grouping.consumer_of.at(i), structure_hash(above, i));
            }
        });
        job.group_hashes = std::move(hashes);
    }

    Plan& plan_;
    std::vector<std::uint64_t> whole_;  // of each template with all of its instances and all above it
};

// The data hash of a pipeline that has data of its own.
std::uint64_t own_data_hash(const Plan& plan, const PipelineInfo& pipeline, const JobTemplate& job) {
    if (job.uses_all_data) return Hasher().add(job.data_hash).add(pipeline.own_data).value();
    return data_hash(plan, pipeline, job);
}

}  // namespace

void seal_hashes(Plan& plan) { Sealing(plan).run(); }

std::uint64_t job_hash(const Plan& plan, const PipelineInfo& pipeline, const JobTemplate& job, std::uint32_t instance) {
    const std::uint64_t structure = structure_hash(job, instance);
    const bool own = !pipeline.own_data.empty() && (job.uses_all_data || !job.data_keys.empty());
    const std::uint64_t data = own ? own_data_hash(plan, pipeline, job) : job.data_hash;
    return Hasher().add(structure).add(data).value();
}

}  // namespace penstock
