// `--store json:DIR`: values as JSON text, one file a pipeline.
//
// While the run goes on each rank appends to a part file of its own, DIR/.parts/rank-NNNNN.jsonl: one line for each
// job, synced by flush(). finish() brings the parts together: DIR/<pipeline>.json, or DIR/<pipeline>[<instance>].json
// for pipelines of a --for-each, each written under a temporary name, synced and renamed; then the parts go. A crash at
// any point of it loses nothing: finish() again gives the same files. docs/json_store.md is normative.
//
// Memory: about 300 bytes a stored job for the index while merging or retrieving; of the values one job at a time.
// Errors: StoreError.
#pragma once

#include "store/store_error.hpp"

#include <penstock/store.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace penstock {

std::unique_ptr<Store> make_json_store(const std::string& directory, std::uint32_t rank);

// Once, at rank 0, before the run: makes the directory. Results that are there already are refused without `force`
// and removed with it; files that are not ours are never touched.
void prepare_json_store(const std::string& directory, bool force);

// The same when a run is gone on with: brings together what earlier launches have left, which stays. False when there
// is nothing.
bool resume_json_store(const std::string& directory);

// The file of one pipeline: names from input cannot leave the directory, hide, or be too long for a file system.
std::filesystem::path json_store_file(const std::filesystem::path& directory, const std::string& pipeline,
                                      const std::string& instance);

}  // namespace penstock
