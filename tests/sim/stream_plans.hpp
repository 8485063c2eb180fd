// Plans of streams in a line or two, for tests.
#pragma once

#include "sim/stream_nodes.hpp"

#include "value/value_json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace penstock::test {

struct Asked {
    std::string name;
    std::vector<std::uint32_t> from;
    StageForm form = StageForm::map;
    std::uint32_t workers = 1;
    bool ordered = false;
    OnError on_error = OnError::fail;
    std::uint32_t retries = 0;
    Merge merge = Merge::any;
    std::uint32_t queue = 0;
    bool snapshots = false;
    bool seeks = false;
};

inline std::shared_ptr<const Plan> plan_of(const std::vector<Asked>& stages) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (const Asked& a : stages) {
        JobTemplate t;
        t.name = a.name;
        t.worker = a.name;
        t.count = a.workers;
        t.retries = a.retries;
        plan->templates.push_back(std::move(t));
        Stage s;
        s.form = a.form;
        for (const std::uint32_t f : a.from) s.from.push_back(TemplateIndex(f));
        s.ordered = a.ordered;
        s.on_error = a.on_error;
        s.merge = a.merge;
        s.queue = a.queue;
        s.snapshots = a.snapshots;
        s.seeks = a.seeks;
        plan->stages.push_back(std::move(s));
    }
    complete_stream(*plan);
    return plan;
}

inline List numbers(std::int64_t n) {
    List list;
    for (std::int64_t i = 0; i < n; ++i) list.push_back(Value(i));
    return list;
}

// For messages: values do not print themselves.
inline std::string text(const List& values) { return to_json(Value(values)); }

inline StageScript source_of(std::int64_t n) {
    StageScript s;
    s.source = numbers(n);
    return s;
}

}  // namespace penstock::test
