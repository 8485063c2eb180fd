// Boost.Serialization of plans, block by block; only wire.cpp includes this (by serialize_messages.hpp).
#pragma once

#include "core/plan.hpp"
#include "mpi/wire.hpp"
#include "value/value_codec.hpp"

#include <boost/serialization/binary_object.hpp>

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace penstock {

// Bytes of the frame being read. Nothing in it can be larger than the frame itself: a count that says so is damage, and
// must not become an allocation. Set by FrameReader; the pump is the only thread that reads frames.
inline thread_local std::size_t bytes_of_frame = 0;

inline std::size_t checked_count(std::uint64_t n, std::size_t element_bytes) {
    if (n > bytes_of_frame / element_bytes)
        throw WireError("a count of " + std::to_string(n) + " in a frame of " + std::to_string(bytes_of_frame) +
                        " bytes");
    return n;
}

template <class Archive, class T>
void plain_vector(Archive& ar, std::vector<T>& v) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::uint64_t n = v.size();
    ar& n;
    if constexpr (Archive::is_loading::value) v.resize(checked_count(n, sizeof(T)));
    boost::serialization::binary_object bytes(v.data(), v.size() * sizeof(T));
    ar& bytes;
}

// A byte: what is no truth value in a damaged frame must not become a bool.
template <class Archive>
void flag(Archive& ar, bool& b) {
    std::uint8_t byte = b ? 1 : 0;
    ar& byte;
    if (byte > 1) throw WireError("a flag of " + std::to_string(byte));
    b = byte == 1;
}

template <class Archive>
void flags(Archive& ar, std::same_as<bool> auto&... all) {
    (flag(ar, all), ...);
}

template <class Archive>
void text(Archive& ar, std::string& s) {
    std::uint64_t n = s.size();
    ar& n;
    if constexpr (Archive::is_loading::value) s.resize(checked_count(n, 1));
    boost::serialization::binary_object bytes(s.data(), s.size());
    ar& bytes;
}

template <class Archive>
void texts(Archive& ar, std::vector<std::string>& list) {
    std::uint64_t n = list.size();
    ar& n;
    if constexpr (Archive::is_loading::value) list.resize(checked_count(n, 1));
    for (std::string& s : list) text(ar, s);
}

// Maps go as a count, then key and value in turn; `value` is a function of archive and value.
template <class Archive, class V, class Value>
void text_map(Archive& ar, std::map<std::string, V>& map, const Value& value) {
    std::uint64_t n = map.size();
    ar& n;
    if constexpr (Archive::is_loading::value) {
        for (std::uint64_t i = checked_count(n, 1); i != 0; --i) {
            std::string key;
            text(ar, key);
            value(ar, map[key]);
        }
    } else {
        for (auto& [key, v] : map) {
            std::string name = key;
            text(ar, name);
            value(ar, v);
        }
    }
}

template <class Archive>
void document(Archive& ar, Document& d) {
    std::vector<std::byte> bytes;
    if constexpr (!Archive::is_loading::value) encode(d, bytes);
    plain_vector(ar, bytes);
    if constexpr (Archive::is_loading::value) {
        std::span<const std::byte> rest(bytes);
        d = decode_document(rest);
    }
}

template <class Archive, class Enum>
void enumeration(Archive& ar, Enum& e) {
    auto n = static_cast<std::uint8_t>(e);
    ar& n;
    e = static_cast<Enum>(n);
}

template <class Archive>
void axis(Archive& ar, Axis& a) {
    text(ar, a.name);
    std::uint8_t kind = static_cast<std::uint8_t>(a.values.index());
    ar& kind;
    if constexpr (Archive::is_loading::value) {
        if (kind > 2) throw WireError("an axis of an unknown kind");
        if (kind == 0) a.values = Range{};
        if (kind == 1) a.values = Linspace{};
        if (kind == 2) a.values = std::vector<Value>{};
    }
    if (auto* range = std::get_if<Range>(&a.values)) ar & range->start & range->step & range->count;
    if (auto* line = std::get_if<Linspace>(&a.values)) ar & line->first & line->last & line->count;
    if (auto* listed = std::get_if<std::vector<Value>>(&a.values)) {
        Document wrapped;
        if constexpr (!Archive::is_loading::value) wrapped["v"] = Value(List(*listed));
        document(ar, wrapped);
        if constexpr (Archive::is_loading::value) *listed = std::move(wrapped.at("v").list());
    }
}

template <class Archive>
void for_each(Archive& ar, ForEach& f) {
    std::uint64_t dimensions = f.dimensions.size();
    ar& dimensions;
    if constexpr (Archive::is_loading::value) f.dimensions.resize(checked_count(dimensions, 1));
    for (auto& dimension : f.dimensions) {
        std::uint64_t axes = dimension.size();
        ar& axes;
        if constexpr (Archive::is_loading::value) dimension.resize(checked_count(axes, 1));
        for (Axis& a : dimension) axis(ar, a);
    }
}

template <class Archive>
void binding(Archive& ar, Binding& b) {
    text(ar, b.key);
    text(ar, b.source_key);
    flags(ar, b.list, b.in_document);
    enumeration(ar, b.from);
    enumeration(ar, b.missing);
    plain_vector(ar, b.producers);
    texts(ar, b.other_keys);
}

template <class Archive>
void job_template(Archive& ar, JobTemplate& t) {
    text(ar, t.name);
    text(ar, t.worker);
    ar& t.first_job.value& t.count;
    flags(ar, t.save.all, t.feeds_others, t.uses_all_data);
    texts(ar, t.save.keys);
    texts(ar, t.shown_parameters);
    ar& t.resources.cpus& t.resources.memory_bytes;
    text_map(ar, t.resources.named, [](auto& archive, std::uint64_t& amount) { archive& amount; });
    enumeration(ar, t.isolation);
    ar& t.priority& t.follower& t.retries& t.timeout_s& t.hash& t.data_hash;
    texts(ar, t.data_keys);
    document(ar, t.with);
    std::uint64_t bindings = t.bindings.size();
    ar& bindings;
    if constexpr (Archive::is_loading::value) t.bindings.resize(checked_count(bindings, 1));
    for (Binding& b : t.bindings) binding(ar, b);
    std::vector<std::uint64_t> groups;
    if (t.group_hashes != nullptr) groups = *t.group_hashes;
    plain_vector(ar, groups);
    if constexpr (Archive::is_loading::value)
        if (!groups.empty()) t.group_hashes = std::make_shared<const std::vector<std::uint64_t>>(std::move(groups));
}

template <class Archive>
void stage(Archive& ar, Stage& s) {
    enumeration(ar, s.role);
    enumeration(ar, s.form);
    enumeration(ar, s.merge);
    enumeration(ar, s.on_error);
    enumeration(ar, s.part);
    ar& s.queue;
    ar& s.limit;
    flags(ar, s.ordered, s.keeps_order, s.stored, s.delivered);
    flags(ar, s.snapshots, s.seeks, s.repeats, s.keep_latest);
    plain_vector(ar, s.from);
    plain_vector(ar, s.until);
    plain_vector(ar, s.branch);
}

// What every broker needs of a plan whichever jobs it runs.
template <class Archive>
void plan_header(Archive& ar, Plan& plan) {
    text(ar, plan.name);
    text(ar, plan.definition_directory);
    ar& plan.job_count;
    document(ar, plan.data);
    std::vector<std::uint32_t> first_and_count;
    if constexpr (!Archive::is_loading::value)
        for (const JobTemplate& t : plan.templates) {
            first_and_count.push_back(t.first_job.value);
            first_and_count.push_back(t.count);
        }
    plain_vector(ar, first_and_count);
    if constexpr (Archive::is_loading::value) {
        plan.templates.resize(first_and_count.size() / 2);
        for (std::size_t t = 0; t < plan.templates.size(); ++t) {
            plan.templates[t].first_job = JobIndex(first_and_count[2 * t]);
            plan.templates[t].count = first_and_count[2 * t + 1];
        }
    }
    std::uint64_t stages = plan.stages.size();
    ar& stages;
    if constexpr (Archive::is_loading::value) plan.stages.resize(checked_count(stages, 1));
    for (Stage& s : plan.stages) stage(ar, s);
    std::uint64_t groupings = plan.groupings.size();
    ar& groupings;
    if constexpr (Archive::is_loading::value) plan.groupings.resize(checked_count(groupings, 1));
    for (Grouping& g : plan.groupings) {
        ar& g.groups;
        plain_vector(ar, g.consumer_of);
    }
}

// Templates [first, last) with the for-eaches they use, each of those once.
template <class Archive>
void plan_block(Archive& ar, Plan& plan, std::uint32_t first, std::uint32_t last) {
    std::vector<std::shared_ptr<const ForEach>> shared;
    for (std::uint32_t t = first; t < last; ++t) {
        job_template(ar, plan.templates[t]);
        std::shared_ptr<const ForEach>& mine = plan.templates[t].for_each;
        std::uint32_t index = 0;  // 0 = none
        bool fresh = false;
        if constexpr (!Archive::is_loading::value) {
            for (std::uint32_t i = 0; i < shared.size() && mine != nullptr; ++i)
                if (shared[i] == mine) index = i + 1;
            fresh = mine != nullptr && index == 0;
            if (fresh) {
                shared.push_back(mine);
                index = static_cast<std::uint32_t>(shared.size());
            }
        }
        ar& index;
        flag(ar, fresh);
        if (fresh) {
            auto whole = std::make_shared<ForEach>();
            if constexpr (!Archive::is_loading::value) *whole = *mine;
            for_each(ar, *whole);
            if constexpr (Archive::is_loading::value) shared.push_back(std::move(whole));
        }
        if constexpr (Archive::is_loading::value) {
            if (index > shared.size()) throw WireError("a template refers to a for-each that was not sent");
            if (index != 0) mine = shared[index - 1];
        }
    }
}

}  // namespace penstock
