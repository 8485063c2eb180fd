#include "cli/doctor.hpp"

#include "report/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

namespace penstock {

namespace {

std::string_view result_text(const Finding& f) {
    switch (f.result) {
        case Finding::Result::holds:
            return "holds";
        case Finding::Result::does_not:
            return "does not";
        case Finding::Result::unknown:
            break;
    }
    return "unknown";
}

bool is_missed(const Finding& f) { return f.needed && f.result == Finding::Result::does_not; }

// In a program's directory of $PATH.
bool is_installed(const char* program) {
    const char* const path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        if (::access((std::string(rest.substr(0, end)) + "/" + program).c_str(), X_OK) == 0) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

}  // namespace

std::vector<std::string> launchers_here() {
    std::vector<std::string> found;
    if (is_installed("mpirun")) found.emplace_back("mpirun -n 3");
    const char* const tasks = std::getenv("SLURM_NTASKS");
    if (std::getenv("SLURM_JOB_ID") != nullptr && is_installed("srun"))
        found.push_back("srun --overlap --mpi=pmix -n " + std::string(tasks != nullptr ? tasks : "2"));
    return found;
}

bool all_needed_holds(const Findings& findings) { return std::none_of(findings.begin(), findings.end(), is_missed); }

std::string doctor_text(const Findings& findings) {
    std::string text;
    std::string part;
    TextTable table(
        {{"", TextTable::Align::left, 12}, {"", TextTable::Align::left, 70}, {"", TextTable::Align::left, 90}});
    const auto flush = [&] {
        if (part.empty()) return;
        text += (text.empty() ? "" : "\n") + printable(part) + "\n" + table.render("  ", false);
        table = TextTable(
            {{"", TextTable::Align::left, 12}, {"", TextTable::Align::left, 70}, {"", TextTable::Align::left, 90}});
    };
    std::string advice;
    for (const Finding& f : findings) {
        if (f.part != part) {
            flush();
            part = f.part;
        }
        table.add({(is_missed(f) ? "! " : "  ") + std::string(result_text(f)), printable(f.what), printable(f.found)});
        if (!f.advice.empty()) advice += "* " + printable(f.what) + ": " + printable(f.advice) + "\n";
    }
    flush();
    if (!advice.empty()) text += "\n" + advice;
    return text + (all_needed_holds(findings)
                       ? "\nAll that is needed holds here.\n"
                       : "\nSomething that is needed does not hold here: see the lines with `!`.\n");
}

std::string doctor_json(const Findings& findings) {
    nlohmann::json all = nlohmann::json::array();
    for (const Finding& f : findings)
        all.push_back({{"part", f.part},
                       {"what", f.what},
                       {"result", result_text(f)},
                       {"found", f.found},
                       {"advice", f.advice},
                       {"needed", f.needed}});
    return nlohmann::json{{"ok", all_needed_holds(findings)}, {"findings", all}}.dump(
               2, ' ', false, nlohmann::json::error_handler_t::replace) +
           "\n";
}

int run_doctor(const DoctorCommand& command, Streams& streams) {
    const std::filesystem::path folder = command.folder.empty() ? "." : command.folder;
    std::error_code unreadable;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
    Findings all = look_at_folder(folder);
    const auto add = [&all](Findings more) {
        for (Finding& f : more) all.push_back(std::move(f));
    };
    if (all_needed_holds(all)) {
        add(look_at_processes(program, folder));
        const std::vector<std::string> launchers =
            command.launcher.empty() ? launchers_here() : std::vector<std::string>{command.launcher};
        for (const std::string& launcher : launchers) add(look_at_launcher(launcher, program, folder));
        if (launchers.empty())
            all.push_back({"launcher", "a launch of several ranks", Finding::Result::unknown, "no mpirun in $PATH",
                           "without a launcher a run has one process on one host; name yours with --launcher"});
    }
    streams.out << (command.json ? doctor_json(all) : doctor_text(all));
    return all_needed_holds(all) ? kExitSucceeded : kExitJobsFailed;
}

}  // namespace penstock
