// Boost.Serialization of every message; only wire.cpp includes this.
#pragma once

#include "mpi/check_messages.hpp"
#include "mpi/serialize_plan.hpp"
#include "protocol/messages.hpp"

#include <boost/serialization/binary_object.hpp>

#include <type_traits>

namespace penstock {

// Messages without pointers go as they lie in memory.
template <class Archive, class M>
requires std::is_trivially_copyable_v<M>
void fields(Archive& ar, M& m) {
    if constexpr (!std::is_empty_v<M>) {
        boost::serialization::binary_object whole(const_cast<std::remove_const_t<M>*>(&m), sizeof m);
        ar& whole;
        if constexpr (Archive::is_loading::value) check(m);
    }
}

template <class Archive>
void fields(Archive& ar, msg::Ended& m) {
    fields(ar, m.jobs);
    ar& m.attempt& m.first_record& m.busy_ns& m.epoch;
    flags(ar, m.succeeded, m.followed);
    text(ar, m.error);
}

template <class Archive>
void fields(Archive& ar, msg::AttemptFailed& m) {
    fields(ar, m.jobs);
    ar& m.job.value& m.attempt& m.holder& m.record& m.busy_ns;
    fields(ar, m.past);
    flags(ar, m.located, m.told_to_end);
    text(ar, m.error);
}

template <class Archive>
void fields(Archive& ar, msg::Returned& m) {
    plain_vector(ar, m.items);
    if constexpr (Archive::is_loading::value)
        for (const msg::Returned::Item& item : m.items) check(item);
}

template <class Archive>
void fields(Archive& ar, msg::Refused& m) {
    fields(ar, m.jobs);
    text(ar, m.error);
}

template <class Archive>
void fields(Archive& ar, msg::FindStored& m) {
    ar& m.request& m.pipeline.value;
    plain_vector(ar, m.jobs);
}

template <class Archive>
void fields(Archive& ar, msg::StoredLost& m) {
    text(ar, m.file);
    text(ar, m.error);
}

template <class Archive>
void history(Archive& ar, std::shared_ptr<const JobHistory>& known) {
    auto all = known != nullptr ? std::const_pointer_cast<JobHistory>(known) : std::make_shared<JobHistory>();
    plain_vector(ar, all->kept);
    plain_vector(ar, all->tried);
    plain_vector(ar, all->running);
    if constexpr (Archive::is_loading::value)
        for (const JobHistory::Kept& kept : all->kept) check(kept);
    known = std::move(all);
}

template <class Archive>
void fields(Archive& ar, msg::Earlier& m) {
    ar& m.pipeline.value;
    history(ar, m.history);
}

template <class Archive>
void fields(Archive& ar, msg::Restart& m) {
    ar& m.pipeline.value& m.plan.value& m.epoch;
    history(ar, m.history);
}

template <class Archive>
void fields(Archive& ar, msg::Withdrawn& m) {
    ar& m.pipeline.value& m.epoch;
    plain_vector(ar, m.running);
    plain_vector(ar, m.held);
}

template <class Archive>
void fields(Archive& ar, msg::StoreFailed& m) {
    text(ar, m.error);
}

template <class Archive>
void durations(Archive& ar, msg::Bye::Durations& d) {
    ar& d.succeeded& d.failed& d.total_ns;
    plain_vector(ar, d.histogram);
}

template <class Archive>
void fields(Archive& ar, msg::Bye& m) {
    text_map(ar, m.by_worker, [](auto& archive, msg::Bye::Durations& d) { durations(archive, d); });
}

template <class Archive>
void position(Archive& ar, StreamPosition& p) {
    ar& p.items;
    std::vector<std::uint64_t> stored;  // job, items, attempt
    for (const auto& [job, s] : p.stored) stored.insert(stored.end(), {job, s.items, s.attempt});
    plain_vector(ar, stored);
    for (std::size_t i = 0; Archive::is_loading::value && i + 3 <= stored.size(); i += 3)
        p.stored[static_cast<std::uint32_t>(stored[i])] = {stored[i + 1], static_cast<std::uint32_t>(stored[i + 2])};
    std::uint64_t states = p.states.size();
    ar& states;
    if constexpr (Archive::is_loading::value) {
        for (std::uint64_t i = checked_count(states, sizeof(std::uint64_t)); i-- != 0;) {
            std::uint32_t job = 0;
            ar& job;
            text(ar, p.states[job]);
        }
    } else {
        for (auto& [job, state] : p.states) {
            std::uint32_t of = job;
            ar& of;
            text(ar, state);
        }
    }
}

template <class Archive>
void fields(Archive& ar, msg::StreamReached& m) {
    ar& m.pipeline.value& m.job.value& m.epoch& m.mark& m.items;
    flag(ar, m.stores);
    text(ar, m.state);
}

template <class Archive>
void fields(Archive& ar, msg::PlaceStream& m) {
    ar& m.pipeline.value& m.epoch;
    plain_vector(ar, m.ranks);
    flag(ar, m.marks);
    bool goes_on = m.from != nullptr;
    flag(ar, goes_on);
    if (!goes_on) return;
    auto from = m.from == nullptr ? std::make_shared<StreamPosition>() : std::make_shared<StreamPosition>(*m.from);
    position(ar, *from);
    m.from = std::move(from);
}

template <class Archive>
void fields(Archive& ar, msg::StopStream& m) {
    ar& m.pipeline.value& m.cause.value;
    flags(ar, m.failed, m.closed);
    text(ar, m.reason);
}

template <class Archive>
void fields(Archive& ar, msg::StreamItems& m) {
    ar& m.pipeline.value& m.from.value& m.to.value& m.batch& m.first& m.epoch& m.mark;
    flag(ar, m.last);
    // The items themselves: FrameWriter and FrameReader, which need not copy them.
}

template <class Archive>
void fields(Archive& ar, msg::StreamEnd& m) {
    ar& m.pipeline.value& m.from.value& m.to.value& m.items& m.epoch;
    flag(ar, m.failed);
}

template <class Archive>
void fields(Archive& ar, msg::Locate& m) {
    ar& m.request& m.pipeline.value;
    plain_vector(ar, m.jobs);
}

template <class Archive>
void fields(Archive& ar, msg::IntroducePipeline& m) {
    ar& m.info.id.value& m.info.plan.value& m.pipeliner& m.submitted_ns& m.epoch;
    flag(ar, m.follows);
    text(ar, m.info.instance);
    document(ar, m.info.own_data);
}

template <class Archive>
void fields(Archive& ar, msg::Located& m) {
    ar& m.request;
    plain_vector(ar, m.runs);
}

template <class Archive>
void fields(Archive& ar, msg::StoredAt& m) {
    ar& m.request;
    texts(ar, m.files);
    plain_vector(ar, m.runs);
}

template <class Archive>
void fields(Archive& ar, msg::Fetch& m) {
    ar& m.request& m.pipeline.value;
    text(ar, m.key);
    plain_vector(ar, m.jobs);
}

template <class Archive>
void fields(Archive& ar, msg::Fetched& m) {
    ar& m.request;
    plain_vector(ar, m.bytes);
}

template <class Archive>
void fields(Archive& ar, msg::FetchedChunk& m) {
    ar& m.request& m.offset& m.total;
    plain_vector(ar, m.bytes);
}

template <class Archive>
void fields(Archive& ar, msg::StartPlan& m) {
    ar& m.plan.value;
    auto structure =
        m.structure != nullptr ? std::const_pointer_cast<Structure>(m.structure) : std::make_shared<Structure>();
    plain_vector(ar, structure->first_job);
    plain_vector(ar, structure->edge_begin);
    plain_vector(ar, structure->edges);
    std::uint64_t groupings = structure->groupings.size();
    ar& groupings;
    if constexpr (Archive::is_loading::value) {
        structure->groupings.resize(checked_count(groupings, 1));
        structure->members.resize(groupings);
    }
    for (std::uint64_t i = 0; i < groupings; ++i) {
        ar & structure->groupings[i].groups;
        plain_vector(ar, structure->groupings[i].consumer_of);
        plain_vector(ar, structure->members[i].begin);
        plain_vector(ar, structure->members[i].members);
    }
    plain_vector(ar, structure->sole_source);
    plain_vector(ar, structure->has_inputs);
    plain_vector(ar, structure->feeds);
    flag(ar, structure->any_values);
    plain_vector(ar, structure->input_begin);
    plain_vector(ar, structure->inputs);
    if constexpr (Archive::is_loading::value) check(*structure);
    m.structure = std::move(structure);
}

}  // namespace penstock
