#include "store/json_streams.hpp"

#include "store/stream_run.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace penstock {

std::string stream_chunk_name(const StreamChunk& chunk) {
    return fmt::format("@{:05}-{:05}-{:020}", chunk.incarnation, chunk.attempt, chunk.first);
}

std::optional<StreamChunk> parse_stream_chunk_name(std::string_view instance) {
    StreamChunk chunk;
    const char* at = instance.data();
    const char* const end = at + instance.size();
    const auto number = [&](char before, auto& value) {
        if (at == end || *at != before) return false;
        const auto [after, error] = std::from_chars(at + 1, end, value);
        at = after;
        return error == std::errc();
    };
    if (!number('@', chunk.incarnation) || !number('-', chunk.attempt) || !number('-', chunk.first) || at != end)
        return std::nullopt;
    return chunk;
}

void JsonStreams::add(const std::string& stage, const StreamChunk& chunk, Read read) {
    stages_[stage].push_back({chunk, std::move(read), {}});
}

void JsonStreams::add_older(const List& streams) {
    for (const Value& stream : streams)
        stages_[at(stream.map(), "stage").string()].push_back({{}, {}, at(stream.map(), "items").list()});
}

List JsonStreams::items_of(const Chunk& chunk) {
    return chunk.read ? at(from_json(chunk.read()).map(), "items").list() : chunk.items;
}

void JsonStreams::write_items(const std::vector<Chunk>& chunks,
                              const std::function<void(const std::string& text)>& put) {
    std::vector<PlacedRun> runs;
    for (std::uint32_t i = 0; i < chunks.size(); ++i) {
        const StreamChunk& of = chunks[i].of;
        runs.push_back({{0, of.incarnation, of.attempt, of.first, items_of(chunks[i]).size()}, 0, i, 0});
    }
    const char* separator = "\n";
    for (const PlacedRun& placed : runs_that_count(std::move(runs))) {
        if (placed.run.count == 0) continue;
        const List items = items_of(chunks[placed.source]);
        for (std::uint64_t i = placed.row; i < placed.row + placed.run.count; ++i)
            put(std::exchange(separator, ",\n") + to_json(items[i]));
    }
}

void JsonStreams::write(const std::function<void(const std::string& text)>& put) const {
    const char* separator = "[\n";
    for (const auto& [stage, chunks] : stages_) {
        put(fmt::format("{}{{\"stage\": {}, \"items\": [", std::exchange(separator, ",\n"), to_json(Value(stage))));
        write_items(chunks, put);
        put("\n]}");
    }
    put("\n]");
}

}  // namespace penstock
