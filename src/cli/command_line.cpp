#include "cli/command_line.hpp"

#include "cli/command_options.hpp"
#include "language/diagnostic.hpp"
#include "report/text.hpp"

#include <penstock/version.hpp>

#include <algorithm>

namespace penstock {

namespace {

constexpr const char* kDescription =
    "Pipelines of work on a cluster allocation: many jobs, one launch, one results file.";
constexpr const char* kFooter =
    "PROGRAM COMMAND --help explains a command. A first run:\n"
    "\n"
    "  PROGRAM check word-count.yaml\n"
    "  PROGRAM run word-count.yaml\n"
    "  PROGRAM jobs word-count.h5";
constexpr std::size_t kOptionColumns = 28;

// The words of the help, where CLI11's own are too technical.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() {
        column_width(kOptionColumns);
        label("Positionals", "Arguments");
        label("SUBCOMMAND", "COMMAND");
    }
    // Only what the value is called: defaults and conditions are told in the description.
    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return type.empty() ? "" : " " + type;
    }
    std::string make_usage(const CLI::App* app, std::string name) const override {
        return "\n" + CLI::Formatter::make_usage(app, name);
    }
};

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!command->get_group().empty()) names.push_back(command->get_name());  // else nobody types it
    return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

ShowText usage_error(const std::string& program, const std::string& command, const std::string& problem) {
    const std::string words = command.empty() ? program : program + " " + command;
    return {words + ": " + problem + "\nTry: " + words + " --help\n", kExitUsage};
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
    const auto near = did_you_mean(word, candidates);
    return near.empty() ? "" : "; did you mean " + near.front() + "?";
}

bool looks_like_definition(const std::string& word) {
    const auto ends_with = [&](std::string_view end) {
        return word.size() > end.size() && word.compare(word.size() - end.size(), end.size(), end) == 0;
    };
    return ends_with(".yaml") || ends_with(".yml") || ends_with(".json");
}

ShowText unknown_command(const CLI::App& app, const std::string& program, const std::string& word) {
    std::string problem = "unknown command `" + printable(word) + "`";
    if (looks_like_definition(word))
        problem += "; did you mean " + program + " run " + shell_quoted(printable(word)) + "?";
    else
        problem += suggestion(word, command_names(app));
    const auto names = command_names(app);
    problem += "\nCommands:";
    for (const std::string& name : names) problem += (name == names.front() ? " " : ", ") + name;
    return usage_error(program, "", problem);
}

// What CLI11 says about arguments it did not expect is "The following arguments were not expected".
std::string unexpected_text(const CLI::App& command, const std::vector<std::string>& extras) {
    for (const std::string& word : extras) {
        if (word.size() > 1 && word[0] == '-') {
            const std::string name = word.substr(0, word.find('='));
            return "unknown option " + printable(name) + suggestion(name, option_names(command));
        }
    }
    return extras.empty() ? "unexpected arguments" : "unexpected argument `" + printable(extras.front()) + "`";
}

// The arguments as CLI11 expects them, with what is said in other words put right.
std::vector<std::string> normalized(std::vector<std::string> arguments, const ProgramInfo& program) {
    if (!arguments.empty() && arguments.front() == "help") {  // `help run` is `run --help`
        arguments.erase(arguments.begin());
        arguments.push_back("--help");
    }
    const bool options_first = arguments.empty() || (arguments.front().size() > 1 && arguments.front()[0] == '-');
    const bool about_program = !arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h" ||
                                                      arguments.front() == "--version");
    if (program.has_driver && options_first && !about_program) arguments.insert(arguments.begin(), "run");
    return arguments;
}

// All behind RUN belongs to another program: none of it is ours to understand.
void take_launcher(std::vector<std::string>& arguments, LaunchCommand& launch) {
    constexpr std::size_t kBefore = 2;  // launch RUN
    if (arguments.size() <= kBefore || arguments[1].empty() || arguments[1][0] == '-') return;
    auto from = arguments.begin() + kBefore;
    if (*from == "-h" || *from == "--help") return;
    launch.command.assign(*from == "--" ? from + 1 : from, arguments.end());
    arguments.erase(from, arguments.end());
}

template <class C>
Command checked(C command, const std::string& problem, const std::string& program, const std::string& name) {
    if (!problem.empty()) return usage_error(program, name, problem);
    return command;
}

Command chosen(const std::string& name, Commands& commands, const ProgramInfo& program) {
    if (name == "run") {
        const std::string problem = complete(commands.run, commands.resources, program);
        return checked(commands.run, problem, program.name, name);
    }
    if (name == "check") {
        const std::string problem = complete(commands.check, commands.resources);
        return checked(commands.check, problem, program.name, name);
    }
    if (name == "dot") return checked(commands.dot, complete(commands.dot), program.name, name);
    if (name == "table") return commands.table;
    if (name == "log") return commands.log;
    if (name == "collect") return commands.collect;
    if (name == "jobs") return commands.jobs;
    if (name == "stages") return commands.stages;
    if (name == "why") return commands.why;
    if (name == "doctor") return commands.doctor;
    if (name == "launch") {
        const bool nothing = commands.launch.command.empty();
        return checked(commands.launch, nothing ? "no COMMAND given: say what to start, such as mpirun -n 4 ..." : "",
                       program.name, name);
    }
    if (name == kDoctorRank) return commands.doctor_rank;
    return commands.workers;
}

Command parse(CLI::App& app, std::vector<std::string> arguments, Commands& commands, const ProgramInfo& program) {
    const auto parsed_command = [&]() -> CLI::App* {
        const auto parsed = app.get_subcommands();
        return parsed.empty() ? nullptr : parsed.front();
    };
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
        app.parse(arguments);
    } catch (const CLI::CallForHelp&) {
        const CLI::App* command = parsed_command();
        return ShowText{command ? command->help(program.name) : app.help(), kExitSucceeded};
    } catch (const CLI::CallForVersion& version) {
        return ShowText{std::string(version.what()) + "\n", kExitSucceeded};
    } catch (const CLI::ExtrasError&) {
        CLI::App* command = parsed_command();
        const CLI::App& scope = command ? *command : app;
        return usage_error(program.name, command ? command->get_name() : "",
                           unexpected_text(scope, app.remaining(true)));
    } catch (const CLI::ParseError& error) {
        const CLI::App* command = parsed_command();
        return usage_error(program.name, command ? command->get_name() : "", error.what());
    }
    return chosen(parsed_command()->get_name(), commands, program);
}

}  // namespace

Command parse_command_line(std::vector<std::string> arguments, const ProgramInfo& program) {
    arguments = normalized(std::move(arguments), program);
    Commands commands;
    if (program.has_driver) {
        const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
        if (dashes != arguments.end()) {
            commands.run.program_arguments.assign(dashes + 1, arguments.end());
            arguments.erase(dashes, arguments.end());
        }
    }

    if (!arguments.empty() && arguments.front() == "launch") take_launcher(arguments, commands.launch);

    CLI::App app(kDescription, program.name);
    app.require_subcommand(0, 1);
    app.set_help_flag("-h,--help", "Print this help");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_version_flag("--version", "penstock " + std::string(kVersion), "Print the version");
    declare_commands(app, commands, program);
    app.footer(with_program(kFooter, program.name));

    if (arguments.empty()) return ShowText{app.help(), kExitUsage};
    const std::string& first = arguments.front();
    const auto names = command_names(app);
    if (first != kDoctorRank && (first.empty() || first[0] != '-')) {
        if (std::find(names.begin(), names.end(), first) == names.end())
            return unknown_command(app, program.name, first);
    }
    return parse(app, std::move(arguments), commands, program);
}

}  // namespace penstock
