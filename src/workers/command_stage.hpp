// `command` as a stage of a stream (docs/command.md, "As a stage"): one program for each item, or one for the whole
// stream that is handed items and answers over its standard input and output.
#pragma once

#include <penstock/worker.hpp>

#include <memory>
#include <string>
#include <vector>

namespace penstock {

// What is wrong with the parameters of a stage, one sentence each.
std::vector<std::string> check_command_stage(const Document& with, bool takes_items);
// Throws std::invalid_argument with the first of them.
StageForm command_stage_form(const Document& with, bool takes_items);
std::unique_ptr<StageWorker> make_command_stage(StageForm form);

}  // namespace penstock
