#include <penstock/application.hpp>

#include "cli/command_line.hpp"
#include "cli/doctor.hpp"
#include "cli/launch_command.hpp"
#include "cli/plan_commands.hpp"
#include "cli/result_commands.hpp"
#include "cli/run_command.hpp"
#include "exec/lanes.hpp"
#include "mpi/launcher.hpp"
#include "mpi/trial_rank.hpp"
#include "report/text.hpp"
#include "store/store_error.hpp"
#include "workers/builtin.hpp"

#include <penstock/version.hpp>

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>

namespace penstock {

namespace {

struct Program {
    const ApplicationSetup& setup;
    const WorkerTypes& types;
    std::string name;
    std::vector<std::string> command_line;
    std::uint32_t rank = 0;
};

// The program's own types, and the built-in ones they do not replace. A name that is there twice is told in `twice`.
WorkerTypes all_types(const WorkerTypes& own, std::string& twice) {
    WorkerTypes types;
    std::set<std::string> names;
    for (const WorkerType& type : own) {
        if (!names.insert(type.name).second) twice = type.name;
        types.push_back(type);
    }
    for (WorkerType& type : builtin_worker_types()) {
        if (names.insert(type.name).second) types.push_back(std::move(type));
    }
    return types;
}

std::string bug_text(const std::string& what, std::uint32_t rank) {
    return "penstock: this is a bug of Penstock " + std::string(kVersion) + ", at rank " + std::to_string(rank) + ": " +
           what +
           "\nPlease report it, with this message and the definition. What is durable is kept: see `penstock collect "
           "--help`.\n";
}

// A rank of several that cannot go on must not wait for the others in MPI_Finalize: the launcher ends them.
[[noreturn]] void leave_launch(const std::string& text) {
    std::cerr << text << std::flush;
    std::_Exit(kExitOurBug);
}

int run_in_session(const RunCommand& command, const StoreChoice& store, const RunSetup& setup, Streams& streams) {
    std::unique_ptr<Zygote> zygote = Zygote::fork_now(setup.types);
    std::signal(SIGPIPE, SIG_IGN);  // a reader of our output that goes away ends nothing
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the store, as a full disk is
    const auto session = open_session(setup.types, std::move(zygote), command.pipeliners, command.slots);
    const Launch& launch = session->launch();
    try {
        const int code = [&] {
            if (launch.rank != 0) return follow_run(setup, *session);
            Console console(Console::standard_error());
            return lead_run(command, store, setup, *session, streams, console);
        }();
        streams.out.flush();
        streams.err.flush();
        session->leave(code);
        return code;
    } catch (const std::exception& error) {
        if (launch.ranks > 1) leave_launch(bug_text(error.what(), launch.rank));
        throw;
    }
}

class Dispatch {
public:
    Dispatch(const Program& program, Streams& streams) : program_(program), streams_(streams) {}

    int operator()(const ShowText& text) const {
        // A launcher ends all when one leaves with an error: that is for the one that says why.
        if (program_.rank != 0) return kExitSucceeded;
        (text.exit_code == kExitSucceeded ? streams_.out : streams_.err) << text.text;
        return text.exit_code;
    }
    int operator()(const RunCommand& command) const {
        try {
            const StoreChoice store = choose_store(command.store, program_.setup.default_store, program_.setup.stores);
            const RunSetup setup{program_.types, program_.setup.stores, program_.setup.driver, program_.name,
                                 program_.command_line};
            return run_in_session(command, store, setup, streams_);
        } catch (const std::invalid_argument& error) {
            return (*this)(ShowText{program_.name + " run: " + error.what() + "\n", kExitUsage});
        }
    }
    int operator()(const CheckCommand& command) const {
        try {
            const StoreChoice store = choose_store(command.store, program_.setup.default_store, program_.setup.stores);
            return alone([&] { return run_check(command, program_.types, store.of_program, streams_); });
        } catch (const std::invalid_argument& error) {
            return (*this)(ShowText{program_.name + " check: " + error.what() + "\n", kExitUsage});
        }
    }
    int operator()(const DotCommand& command) const {
        return alone([&] { return run_dot(command, program_.types, streams_); });
    }
    int operator()(const TableCommand& command) const {
        return alone([&] { return run_table(command, streams_); });
    }
    int operator()(const LogCommand& command) const {
        return alone([&] { return run_log(command, streams_); });
    }
    int operator()(const CollectCommand& command) const {
        return alone([&] { return run_collect(command, streams_); });
    }
    int operator()(const StagesCommand& command) const {
        return alone([&] { return run_stages(command, streams_); });
    }
    int operator()(const WhyCommand& command) const {
        return alone([&] { return run_why(command, program_.types, streams_); });
    }
    int operator()(const JobsCommand& command) const {
        return alone([&] { return run_jobs(command, streams_); });
    }
    int operator()(const DoctorCommand& command) const {
        return alone([&] { return run_doctor(command, streams_); });
    }
    int operator()(const DoctorRankCommand& command) const { return run_trial_rank(command.mode, command.folder); }
    int operator()(const LaunchCommand& command) const {
        return alone([&] { return run_launch(command, streams_); });
    }
    int operator()(const WorkersCommand&) const {
        return alone([&] { return run_workers(program_.types, streams_); });
    }

private:
    // What needs no launch is done once, also when a launcher started it many times.
    template <class Work>
    int alone(const Work& work) const {
        if (program_.rank != 0) return kExitSucceeded;
        const int code = work();
        if (streams_.out.flush()) return code;
        streams_.err << "penstock: error: standard output cannot be written; is the disk full?\n";
        return kExitJobsFailed;
    }

    const Program& program_;
    Streams& streams_;
};

}  // namespace

int run_application(ApplicationSetup setup, int argc, char** argv) {
    std::string twice;
    const WorkerTypes types = all_types(setup.types, twice);
    serve_if_zygote(argc, argv, types);

    Program program{setup, types, argc > 0 ? argv[0] : "penstock", std::vector<std::string>(argv, argv + argc),
                    launcher_rank()};
    std::ios::sync_with_stdio(false);
    Streams streams{std::cin, std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1};
    const Dispatch dispatch(program, streams);
    try {
        if (!twice.empty()) {
            return dispatch(ShowText{"penstock: error: two worker types of this program are called `" +
                                         printable(twice) +
                                         "`: a definition could not tell them apart; rename one (kName)\n",
                                     kExitUsage});
        }
        ProgramInfo info;
        info.name = program.name;
        info.has_driver = setup.driver != nullptr;
        for (const NamedStore& store : setup.stores) info.stores.push_back(store.name);
        return std::visit(dispatch,
                          parse_command_line({program.command_line.begin() + 1, program.command_line.end()}, info));
    } catch (const StoreError& error) {
        streams.err << "penstock: error: " << error.what() << "\n";
        return kExitUsage;
    } catch (const std::exception& error) {
        streams.err << bug_text(error.what(), program.rank);
        return kExitOurBug;
    }
}

}  // namespace penstock
