// A `command` job made ready to run: what is the same for all jobs of a template once, the rest for each attempt.
#pragma once

#include "exec/command_environment.hpp"
#include "exec/command_files.hpp"
#include "exec/command_shell.hpp"
#include "exec/command_spec.hpp"
#include "exec/task.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// What all commands of a broker share.
struct CommandSite {
    Environment environment;                 // cleaned
    std::filesystem::path launch_directory;  // absolute
    std::filesystem::path scratch_root;      // absolute
};

// An output whose placeholders are filled in.
struct CommandResult {
    const CommandOutput* output = nullptr;  // of the template
    std::filesystem::path file;             // absolute
    std::filesystem::path destination;      // absolute; empty = none
    std::vector<std::int64_t> shape;        // -1 at most once
};

// All that starting one attempt needs, and what is to be made of its end. Keeps its template alive.
struct PreparedCommand {
    std::shared_ptr<const class CommandTemplate> shared;
    std::string program;                     // the file to run
    std::vector<std::string> strings;        // arguments, unless they are the template's
    std::vector<char*> arguments;            // null-terminated
    std::optional<Environment> environment;  // unless it is the template's
    std::vector<char*> variables;            // null-terminated
    std::filesystem::path directory;
    std::filesystem::path scratch;      // empty = none was made
    std::unique_ptr<InputBytes> input;  // null = /dev/null
    std::vector<CommandResult> results;

    // The command as a person would type it, cut short: for messages.
    std::string title() const;
};

// Immutable, so that threads may share it.
class CommandTemplate : public std::enable_shared_from_this<CommandTemplate> {
public:
    // Throws CommandError when the parameters are wrong (definitions were checked; pipelines made in C++ may not be).
    CommandTemplate(const JobTemplate& job, const Plan& plan, const CommandSite& site);

    // Fills in the values of one job, makes its scratch directory and writes its input files. Throws CommandError or
    // MissingKey; a scratch directory made until then is left and named in `scratch`.
    std::unique_ptr<PreparedCommand> prepare(const Ticket& ticket, std::filesystem::path& scratch) const;

    // prepare() and the end touch files or large values: not for a thread that serves other jobs.
    bool heavy() const { return heavy_; }
    bool wants_output() const { return wants_output_; }  // stdout
    bool wants_error() const { return wants_error_; }    // stderr
    // `shell:` as it was written, placeholders by their names; "" for a command with `argv`.
    std::string shell_text() const;

private:
    friend struct CommandFiller;

    CommandSpec spec_;
    std::optional<ShellScript> script_;
    const CommandSite& site_;
    std::filesystem::path definition_directory_;
    Environment environment_;
    std::vector<char*> variables_;
    std::vector<std::string> fixed_arguments_;  // empty = they differ
    std::string program_;                       // "" = looked for each time
    bool fixed_environment_ = true;
    bool fixed_ = false;  // nothing has a placeholder and no scratch directory is needed
    bool heavy_ = false;
    bool wants_output_ = false;
    bool wants_error_ = false;
};

// The file to run for argv[0]: with a slash, against the definition's directory; else searched in PATH.
// Throws CommandError.
std::string find_program(const std::string& name, const char* search_path,
                         const std::filesystem::path& definition_directory);

}  // namespace penstock
