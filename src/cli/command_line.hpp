// What was typed, understood or refused. Pure: no file is opened, nothing is printed.
#pragma once

#include "cli/walltime.hpp"
#include "report/run_log.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace penstock {

inline constexpr int kExitSucceeded = 0;
inline constexpr int kExitJobsFailed = 1;
inline constexpr int kExitUsage = 2;  // bad usage or definition; nothing was run
inline constexpr int kExitOurBug = 70;
inline constexpr int kExitResumeMe = 75;  // interrupted, or results could not be stored

// Which pipelines are meant; "-" among the files is standard input.
struct DefinitionSource {
    std::vector<std::string> files;
    std::vector<std::string> set;  // "key=value"
    std::string for_each;          // "" = none, "-" = standard input
    std::string for_each_key = "item";
};

using NamedResources = std::map<std::string, std::uint64_t>;

struct RunCommand {
    DefinitionSource source;
    std::string output;  // "" = <name of the first pipeline>.h5
    std::uint32_t pipeliners = 1;
    std::optional<std::uint32_t> slots;
    NamedResources resources;
    std::string store;  // "" = the program's default
    bool force = false;
    bool resume = false;
    bool retry_failed = false;  // with resume
    bool fail_fast = false;
    std::string retry_delay;  // as typed; "" = retry_delay_s as it is
    double retry_delay_s = 0.5;
    std::uint32_t crash_limit = 3;
    WalltimeChoice walltime;
    std::string walltime_margin;  // as typed; "" = what is usual
    std::string broker_timeout;   // as typed; "" = broker_timeout_s as it is
    double broker_timeout_s = 30;
    bool strict_slots = false;
    bool dry_run = false;
    bool no_collect = false;
    std::string events;  // "" = none
    Verbosity verbosity = Verbosity::normal;
    std::string log_file;                        // "" = none
    std::vector<std::string> program_arguments;  // after "--", for a program with a driver function
};

struct CheckCommand {
    DefinitionSource source;
    NamedResources resources;
    std::optional<std::uint32_t> slots;
    std::string store;
};

struct DotCommand {
    DefinitionSource source;
    std::string run;  // "" = not of a run
};

enum class TableForm { text, csv, json };

struct TableCommand {
    std::string run;
    std::string job;  // PIPELINE/JOB
    TableForm form = TableForm::text;
};

struct LogCommand {
    std::string run;
    std::string job;  // [PIPELINE/]JOB[INSTANCE]
};

struct CollectCommand {
    std::string run;
    std::string output;  // "" = the run's own results file
};

struct JobsCommand {
    std::string run;
    std::vector<std::string> statuses;  // empty = all
    std::string pipeline;               // "" = all
    std::string job;
    std::string worker;
    std::optional<std::uint64_t> limit;
    TableForm form = TableForm::text;
};

struct StagesCommand {
    std::string run;
    TableForm form = TableForm::text;
};

struct WhyCommand {
    std::string run;
    std::string job;  // [PIPELINE/]JOB[INSTANCE]
};

struct DoctorCommand {
    std::string folder;    // "" = this one
    std::string launcher;  // "" = what there is
    bool json = false;
};

// One rank of a launch that `doctor` makes; nobody types it.
inline constexpr const char* kDoctorRank = "doctor-rank";
struct DoctorRankCommand {
    std::string mode, folder;
};

struct LaunchCommand {
    std::string run;
    std::vector<std::string> command;  // a launcher and its arguments
};

struct WorkersCommand {};

// Help, the version, or what is wrong with the command line.
struct ShowText {
    std::string text;
    int exit_code = kExitSucceeded;  // to standard error unless 0
};

using Command =
    std::variant<ShowText, RunCommand, CheckCommand, DotCommand, TableCommand, LogCommand, CollectCommand, JobsCommand,
                 StagesCommand, WhyCommand, DoctorCommand, DoctorRankCommand, LaunchCommand, WorkersCommand>;

struct ProgramInfo {
    std::string name = "penstock";    // as it was started
    bool has_driver = false;          // pipelines are made in code: `run` needs no FILE and need not be said
    std::vector<std::string> stores;  // names of the program's own stores, for the help
};

// `arguments` without the program's name.
Command parse_command_line(std::vector<std::string> arguments, const ProgramInfo& program);

}  // namespace penstock
