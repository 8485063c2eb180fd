// Items of streams in the JSON store: they come in chunks (see stream_intake.hpp), and each stage becomes one array.
#pragma once

#include <penstock/value.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct StreamChunk {
    std::uint32_t incarnation = 0;
    std::uint32_t attempt = 0;
    std::uint64_t first = 0;
};

// Of the instance of a scope; nothing when it is a job's.
std::string stream_chunk_name(const StreamChunk& chunk);
std::optional<StreamChunk> parse_stream_chunk_name(std::string_view instance);

// The streams of one pipeline. Memory: some 100 bytes a chunk, the items of one chunk, and those of an older file.
class JsonStreams {
public:
    // The text of the document of a chunk.
    using Read = std::function<std::string()>;

    void add(const std::string& stage, const StreamChunk& chunk, Read read);
    // Of a file that is there: [{"stage":, "items": [...]}]. Whatever is added makes them void from its first item on.
    void add_older(const List& streams);
    bool empty() const { return stages_.empty(); }

    // Calls `put` with the text of the array [{"stage":, "items": [...]}, ...], piece by piece.
    void write(const std::function<void(const std::string& text)>& put) const;

private:
    struct Chunk {
        StreamChunk of;
        Read read;  // null: `items` has them
        List items;
    };
    static List items_of(const Chunk& chunk);
    static void write_items(const std::vector<Chunk>& chunks, const std::function<void(const std::string& text)>& put);

    std::map<std::string, std::vector<Chunk>> stages_;
};

}  // namespace penstock
