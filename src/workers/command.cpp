#include "workers/command.hpp"

#include "exec/command_shell.hpp"
#include "exec/command_spec.hpp"
#include "language/diagnostic.hpp"
#include "workers/command_stage.hpp"

#include <stdexcept>

namespace penstock {
namespace {

std::vector<std::string> check_command(const Document& with) {
    std::vector<std::string> problems;
    const Suggest suggest = [](const std::string& word, const std::vector<std::string>& candidates) {
        return did_you_mean(word, candidates);
    };
    const CommandSpec spec = parse_command(with, problems, suggest);
    if (spec.shell) compile_shell(*spec.shell, problems);
    return problems;
}

}  // namespace

WorkerType command_worker_type() {
    WorkerType type;
    type.name = "command";
    type.needs = command_needs;
    type.makes = command_makes;
    type.check = check_command;
    type.create = []() -> std::unique_ptr<Worker> {
        throw std::logic_error("`command` jobs run as programs of their own, never in a worker process");
    };
    type.form_of = command_stage_form;
    type.create_form = make_command_stage;
    type.fills_placeholders = true;
    type.external = true;
    return type;
}

}  // namespace penstock
