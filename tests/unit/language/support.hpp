// What the tests of the language share: worker types to refer to, and a plan as text.
#pragma once

#include "language/load.hpp"

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>

namespace penstock::test {

// noop; Downloader (url -> html), GetTextAndWords (html -> text, words), GetLinks (html -> links); Square (x ->
// square); Mean (values -> mean), Sum (values -> sum); sleep (checks `seconds`); command (makes the keys of `outputs`,
// needs the keys of `stdin` and `input-files`).
// For streams: lines, range (sources; lines checks `file`), Fetch, Title (maps), Words (generator), MostCommon (fold).
const WorkerTypes& worker_types();
WorkerType worker(std::string name, Keys needs = {}, Keys makes = {});

// The definition `penstock: 1`, `name: p`, followed by `text`, loaded.
Loaded load_body(const std::string& text, const LoadOptions& options = {});
// Its only plan; an empty plan and a failed test when there is none.
std::shared_ptr<const Plan> plan_of_body(const std::string& text, const LoadOptions& options = {});
// All diagnostics of it, rendered.
std::string diagnostics_of_body(const std::string& text, const LoadOptions& options = {});

// Everything about a plan, in lines made for people to check. Paths below `directory` are shown relative to it.
std::string plan_text(const Plan& plan, const std::filesystem::path& directory = {});

std::string read_text(const std::filesystem::path& file);
// Compares with the file, or writes it when the environment has PENSTOCK_UPDATE_GOLDEN.
void expect_golden(const std::filesystem::path& file, const std::string& text);
std::filesystem::path examples();

}  // namespace penstock::test
