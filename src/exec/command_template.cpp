#include "exec/command_template.hpp"

#include "exec/materialize.hpp"
#include "value/shell_quote.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTitleBytes = 200;
constexpr const char* kDefaultSearchPath = "/usr/local/bin:/usr/bin:/bin";

bool is_fixed(const CommandText& text) {
    return std::none_of(text.pieces.begin(), text.pieces.end(), [](const TextPiece& piece) { return piece.is_name; });
}

std::string fixed_text(const CommandText& text) {
    std::string made;
    for (const TextPiece& piece : text.pieces) made += piece.text;
    return made;
}

bool is_program(const fs::path& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// A directory name from names that a pipeline made in C++ may have chosen freely.
std::string file_name_of(const Ticket& ticket) {
    const PipelineInfo& pipeline = ticket.pipeline->info;
    std::string name = ticket.pipeline->plan->name;
    if (!pipeline.instance.empty()) name += fmt::format(".{}", pipeline.id.value);
    name += fmt::format(".{}.{}.{}", ticket.job->name, ticket.instance, ticket.attempt);
    for (char& c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                           c == '-' || c == '_';
        if (!plain) c = '_';
    }
    return name;
}

}  // namespace

// Fills in one attempt.
struct CommandFiller {
    const CommandTemplate& shared;
    const Ticket& ticket;
    fs::path& scratch;
    std::unique_ptr<PreparedCommand> prepared = std::make_unique<PreparedCommand>();  // pointers lead into it
    PreparedCommand& made = *prepared;
    Document scope = {};

    void fill() {
        if (!ticket.job->bindings.empty()) scope = materialize(ticket, true).scope;
        const CommandSpec& spec = shared.spec_;
        if (spec.runs_in_scratch || spec.names_scratch || !spec.input_files.empty() || some_file_is_relative()) {
            scratch = make_scratch_directory(shared.site_.scratch_root, file_name_of(ticket));
            made.scratch = scratch;
        }
        directory();
        environment();
        arguments();
        for (const auto& [name, key] : spec.input_files) write_input_file(scratch, name, value(key));
        if (!spec.input_key.empty()) made.input = input_bytes(value(spec.input_key));
        results();
    }

    Value value(std::string_view name) const {
        if (name == kDefinitionDirectory) return shared.definition_directory_.string();
        if (name == kLaunchDirectory) return shared.site_.launch_directory.string();
        if (name == kScratch) return scratch.string();
        const auto found = scope.find(name);
        if (found != scope.end()) return found->second;
        throw MissingKey(fmt::format("the command needs a value for `{}`, which nothing gives", name));
    }

    // What a placeholder or a variable can hold of a value.
    std::string word(std::string_view name, const Value& what) const {
        if (what.is(Value::Type::bytes)) {
            throw CommandError(
                EndReason::exception,
                fmt::format("`{}` is bytes and cannot stand in a command line; hand it over by `stdin` or "
                            "`input-files`.",
                            name));
        }
        std::string made_word = plain_text(what);
        if (made_word.find('\0') != std::string::npos) {
            throw CommandError(
                EndReason::exception,
                fmt::format("the value of `{}` has a NUL character, which no argument can hold; hand it over "
                            "by `stdin` or `input-files`.",
                            name));
        }
        return made_word;
    }

    std::string text(const CommandText& text) const {
        std::string filled;
        for (const TextPiece& piece : text.pieces)
            filled += piece.is_name ? word(piece.text, value(piece.text)) : piece.text;
        return filled;
    }

    // Relative paths of files are in the directory the command runs in. Those with {scratch} are absolute.
    bool some_file_is_relative() const {
        if (!shared.spec_.directory.empty()) return false;
        return std::any_of(shared.spec_.outputs.begin(), shared.spec_.outputs.end(), [&](const CommandOutput& output) {
            return output.from == CommandOutput::From::file && fs::path(text(output.file)).is_relative();
        });
    }

    void directory() {
        const CommandSpec& spec = shared.spec_;
        if (!spec.directory.empty()) {
            made.directory = shared.definition_directory_ / text(spec.directory);
        } else if (spec.runs_in_scratch || !spec.input_files.empty() || some_file_is_relative()) {
            made.directory = scratch;
        } else {
            made.directory = shared.site_.launch_directory;
        }
    }

    void environment() {
        if (shared.fixed_environment_) {
            made.variables = shared.variables_;
            return;
        }
        made.environment = shared.environment_;
        for (const auto& [name, text_of_it] : shared.spec_.environment) made.environment->set(name, text(text_of_it));
        made.variables = made.environment->pointers();
    }

    void arguments() {
        const std::vector<std::string>* words = &shared.fixed_arguments_;
        if (words->empty()) {
            made.strings = shared.script_ ? shell_arguments() : program_arguments();
            words = &made.strings;
        }
        made.program = shared.program_;
        if (made.program.empty()) {
            const Environment& variables = made.environment ? *made.environment : shared.environment_;
            made.program = find_program(words->front(), variables.get("PATH"), shared.definition_directory_);
        }
        made.arguments.reserve(words->size() + 1);
        for (const std::string& word : *words) made.arguments.push_back(const_cast<char*>(word.c_str()));
        if (words->front().find('/') != std::string::npos) made.arguments.front() = made.program.data();
        made.arguments.push_back(nullptr);
    }

    std::vector<std::string> program_arguments() const {
        std::vector<std::string> words;
        for (const CommandText& element : shared.spec_.arguments) {
            const std::string* name = element.whole();
            if (!name) {
                words.push_back(text(element));
                continue;
            }
            const Value what = value(*name);
            if (!what.is(Value::Type::list)) {
                words.push_back(word(*name, what));
                continue;
            }
            for (const Value& part : what.list()) words.push_back(word(*name, part));
        }
        if (words.empty() || words.front().empty()) {
            throw CommandError(EndReason::exception, "the program to run, the first element of `argv`, is empty.");
        }
        return words;
    }

    std::vector<std::string> shell_arguments() const {
        const ShellScript& script = *shared.script_;
        std::vector<std::string> words = {"bash", "-euo", "pipefail", "-c", "--", script.text, "bash"};
        for (const std::string& name : script.names) {
            const Value what = value(name);
            if (what.is(Value::Type::list)) {
                for (const Value& part : what.list()) word(name, part);  // can each stand in a command line?
            } else {
                word(name, what);
            }
            append_shell_value(what, words);
        }
        for (const std::string& name : script.numbers) only_number(name);
        return words;
    }

    void only_number(const std::string& name) const {
        const Value what = value(name);
        const bool number =
            what.is_number() || (what.is(Value::Type::string) && !what.string().empty() &&
                                 what.string().find_first_not_of("0123456789+-. ") == std::string::npos);
        if (number) return;
        throw CommandError(
            EndReason::exception,
            fmt::format("`{}` stands within ((...)) of `shell`, where bash would evaluate it, but its value is "
                        "no number: {}.",
                        name, plain_text(what).substr(0, kTitleBytes)));
    }

    void results() {
        for (const CommandOutput& output : shared.spec_.outputs) {
            CommandResult result{&output, {}, {}, {}};
            if (output.from == CommandOutput::From::file) result.file = made.directory / text(output.file);
            if (!output.destination.empty())
                result.destination = shared.definition_directory_ / text(output.destination);
            for (const Value& extent : output.shape) result.shape.push_back(this->extent(output.key, extent));
            made.results.push_back(std::move(result));
        }
    }

    std::int64_t extent(const std::string& key, const Value& written) const {
        Value filled = written;
        if (written.is(Value::Type::string))
            filled = fill_placeholders(written, [&](std::string_view name) { return value(name); });
        if (filled.is(Value::Type::int64) && filled.int64() >= -1) return filled.int64();
        throw CommandError(EndReason::bad_output,
                           fmt::format("`outputs: {}` has the extent {} in its `shape`, which is no whole number.", key,
                                       plain_text(filled)));
    }
};

CommandTemplate::CommandTemplate(const JobTemplate& job, const Plan& plan, const CommandSite& site)
    : site_(site), definition_directory_(plan.definition_directory), environment_(site.environment) {
    std::vector<std::string> problems;
    spec_ = parse_command(job.with, problems);
    if (!problems.empty()) {
        throw CommandError(EndReason::exception,
                           fmt::format("the parameters of the command are wrong: {}.", fmt::join(problems, "; ")));
    }
    if (definition_directory_.empty()) definition_directory_ = site.launch_directory;

    environment_.set("OMP_NUM_THREADS", std::to_string(job.resources.cpus));
    for (const auto& [name, text] : spec_.environment) {
        if (is_fixed(text))
            environment_.set(name, fixed_text(text));
        else
            fixed_environment_ = false;
    }
    variables_ = environment_.pointers();

    if (spec_.shell) script_ = compile_shell(*spec_.shell, problems);
    if (script_ && script_->names.empty()) {
        fixed_arguments_ = {"bash", "-euo", "pipefail", "-c", "--", script_->text, "bash"};
    } else if (!script_ && std::all_of(spec_.arguments.begin(), spec_.arguments.end(), is_fixed)) {
        for (const CommandText& text : spec_.arguments) fixed_arguments_.push_back(fixed_text(text));
    }
    if (!fixed_arguments_.empty() && fixed_environment_) {
        // A program that is not there yet is looked for again by each job, which then says so.
        try {
            program_ = find_program(fixed_arguments_.front(), environment_.get("PATH"), definition_directory_);
        } catch (const CommandError&) {
        }
    }
    for (const CommandOutput& output : spec_.outputs) {
        wants_output_ |= output.from == CommandOutput::From::standard_output;
        wants_error_ |= output.from == CommandOutput::From::standard_error;
        heavy_ |= output.from == CommandOutput::From::file;
    }
    heavy_ |= spec_.runs_in_scratch || spec_.names_scratch || !spec_.input_files.empty() || !spec_.input_key.empty();
}

std::unique_ptr<PreparedCommand> CommandTemplate::prepare(const Ticket& ticket, fs::path& scratch) const {
    CommandFiller filler{*this, ticket, scratch};
    filler.fill();
    filler.made.shared = shared_from_this();
    return std::move(filler.prepared);
}

std::string CommandTemplate::shell_text() const {
    std::string text;
    if (!spec_.shell) return text;
    for (const TextPiece& piece : spec_.shell->pieces) text += piece.is_name ? "{" + piece.text + "}" : piece.text;
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

std::string PreparedCommand::title() const {
    if (const std::string shell = shared->shell_text(); !shell.empty())
        return shell.size() <= kTitleBytes ? shell : shell.substr(0, kTitleBytes) + "...";
    std::string line;
    for (const char* word : arguments) {
        if (!word || line.size() > kTitleBytes) break;
        line += (line.empty() ? "" : " ") + shell_quoted(word);
    }
    return line.size() <= kTitleBytes ? line : line.substr(0, kTitleBytes) + "...";
}

std::string find_program(const std::string& name, const char* search_path, const fs::path& definition_directory) {
    if (name.find('/') != std::string::npos) return (definition_directory / name).lexically_normal().string();
    const std::string_view all = search_path ? search_path : kDefaultSearchPath;
    std::string_view rest = all;
    std::string found_but;
    while (true) {
        const std::size_t colon = rest.find(':');
        const fs::path candidate = fs::path(rest.substr(0, colon)) / name;
        if (candidate.is_absolute() && is_program(candidate)) return candidate.string();
        if (candidate.is_absolute() && found_but.empty() && ::access(candidate.c_str(), F_OK) == 0) {
            found_but = fmt::format(" {} is there, but is not a program this user may run.", candidate.string());
        }
        if (colon == std::string_view::npos) break;
        rest.remove_prefix(colon + 1);
    }
    throw CommandError(
        EndReason::exception,
        fmt::format("the program `{}` was not found in PATH ({}).{} Install it, correct the name, or give its "
                    "path: one with a slash is looked for beside the definition file.",
                    name, all, found_but));
}

}  // namespace penstock
