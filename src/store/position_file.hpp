// X.h5.run/positions/: for each stream that has not ended, how far it has come (core/stream_position.hpp).
//
// One file a stream, replaced whenever it has come further, and removed when it has ended well. What it says holds as
// long as the items it counts are there, of no later attempt (store/stream_run.hpp): whoever reads it has to look.
#pragma once

#include "core/stream_position.hpp"
#include "exec/task.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace penstock {

// Of what stream a position is: a number of its definition, and of what its source reads as that is now (size and time
// of a `file`, the names that a `glob` means). To be asked for before the stream begins: what is read may change
// meanwhile.
std::uint64_t stream_identity(const PipelineContext& pipeline);

// Durable when it returns. Throws StoreError.
void write_position(const std::filesystem::path& run_directory, std::uint32_t incarnation, std::uint64_t identity,
                    const PipelineContext& pipeline, const StreamPosition& position);
void remove_position(const std::filesystem::path& run_directory, const PipelineContext& pipeline);

struct SavedPosition {
    std::uint32_t incarnation = 1;  // of the launch that wrote it
    StreamPosition position;
};

// Nothing when there is none, it is damaged, or of a stream of another identity, or that kept or folded less than this
// one.
std::optional<SavedPosition> read_position(const std::filesystem::path& run_directory, const PipelineContext& pipeline);

}  // namespace penstock
