// The options and help texts of each command, for CLI11.
#pragma once

#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>

namespace penstock {

struct Commands {
    RunCommand run;
    CheckCommand check;
    DotCommand dot;
    TableCommand table;
    LogCommand log;
    CollectCommand collect;
    JobsCommand jobs;
    StagesCommand stages;
    WhyCommand why;
    DoctorCommand doctor;
    DoctorRankCommand doctor_rank;
    LaunchCommand launch;
    WorkersCommand workers;
    std::vector<std::string> resources;  // "name=n", of run and check
};

// The commands' members are filled in when the command line is parsed; both must outlive it.
void declare_commands(CLI::App& app, Commands& commands, const ProgramInfo& program);

// `text` with the program's name for each PROGRAM.
std::string with_program(std::string text, const std::string& program);

// What options that are each well formed leave to be said about one another and about their values: "" = all is well.
std::string complete(RunCommand& run, const std::vector<std::string>& resources, const ProgramInfo& program);
std::string complete(CheckCommand& check, const std::vector<std::string>& resources);
std::string complete(const DotCommand& dot);

}  // namespace penstock
