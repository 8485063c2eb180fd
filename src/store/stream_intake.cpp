#include "store/stream_intake.hpp"

#include "store/json_streams.hpp"
#include "store/storable.hpp"
#include "value/value_codec.hpp"

#include <fmt/format.h>

#include <span>

namespace penstock {

namespace {

constexpr std::string_view kResults = "@results";

}  // namespace

void StreamIntake::add(const StreamRecord& record, SegmentTables& tables) {
    if (values_ != nullptr && record.stage != nullptr) return save_elsewhere(record);
    tables.add(record, incarnation_,
               [&](std::uint64_t number, const Value& item) { return refuse(record, number, item); });
}

bool StreamIntake::refuse(const StreamRecord& record, std::uint64_t number, const Value& item) {
    const auto reason = why_not_storable(item, max_value_bytes_);
    if (reason && record.stage != nullptr)
        note(record, fmt::format("item {} of stage {} is lost: {}", number, record.stage->name, *reason));
    return reason.has_value();
}

void StreamIntake::save_elsewhere(const StreamRecord& record) {
    List items;
    items.reserve(record.items.count());
    std::span<const std::byte> bytes = record.items.bytes.span();
    for (const std::uint32_t size : record.items.sizes) {
        std::span<const std::byte> encoded = bytes.first(size);
        items.push_back(decode_value(encoded));
        bytes = bytes.subspan(size);
    }
    const Scope scope{record.pipeline->plan->name, record.pipeline->info.instance, record.stage->name,
                      stream_chunk_name({incarnation_, record.attempt, record.first})};
    try {
        values_->save(scope, record.stage->worker,
                      {{"incarnation", incarnation_},
                       {"attempt", record.attempt},
                       {"first", static_cast<std::int64_t>(record.first)},
                       {"items", std::move(items)}});
    } catch (const std::exception& e) {
        note(record, fmt::format("the store could not keep {} items of stage {} from number {} on: {}",
                                 record.items.count(), record.stage->name, record.first, e.what()));
    }
}

void StreamIntake::note(const StreamRecord& record, std::string problem) {
    problems_.try_emplace({record.pipeline->plan->name, record.pipeline->info.instance, record.stage->name},
                          std::move(problem));
}

std::optional<std::string> StreamIntake::problem_of(const JobRecord& record) {
    const std::string_view name = record.job->name;
    if (problems_.empty() || !name.ends_with(kResults) || record.status != JobStatus::succeeded) return std::nullopt;
    const auto found = problems_.find({record.pipeline->plan->name, record.pipeline->info.instance,
                                       std::string(name.substr(0, name.size() - kResults.size()))});
    if (found == problems_.end()) return std::nullopt;
    std::string problem = std::move(found->second);
    problems_.erase(found);
    return problem;
}

}  // namespace penstock
