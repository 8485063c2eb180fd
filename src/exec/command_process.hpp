// One running command: its process, its pipes and what came out of them. Never blocks; the runner's loop drives it.
#pragma once

#include "exec/command_results.hpp"
#include "exec/command_template.hpp"
#include "exec/job_log.hpp"
#include "exec/live_groups.hpp"
#include "exec/spawn.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace penstock {

// How a command ended.
struct CommandEnd {
    int exit_code = 0;
    int signal = 0;  // 0 = it exited
    int lost = 0;    // errno when the exit status could not be had: somebody else waited for the process
    double cpu_s = 0;
    std::uint64_t peak_memory_bytes = 0;  // 0 = not known: see peak_memory() in the source
};

// What a runner's commands are started with.
struct CommandSurroundings {
    int no_input = -1;             // /dev/null
    LiveGroups* groups = nullptr;  // null = unwatched
};

// Why a program could not be started, and what to do: a CommandError.
[[noreturn]] void throw_not_started(const PreparedCommand& command, const Spawned& spawned);

class CommandProcess {
public:
    // `log` is made when the command first says something.
    CommandProcess(const PreparedCommand& command, JobLog& log_file, const Ticket& ticket, std::uint64_t log_bytes);
    // Kills what is left.
    ~CommandProcess();
    CommandProcess(const CommandProcess&) = delete;
    CommandProcess& operator=(const CommandProcess&) = delete;

    // Throws CommandError when the program cannot be started. `cpus` as in SpawnRequest.
    void start(const CommandSurroundings& with, const cpu_set_t* cpus);

    int process_descriptor() const { return pidfd_.get(); }  // readable when the process has ended
    int output_descriptor() const { return output_.read_end.get(); }
    int error_descriptor() const { return error_.read_end.get(); }
    int input_descriptor() const { return input_.get(); }  // -1 = nothing (more) to write

    // Each reads or writes what can be had now. `buffer` is scratch memory.
    void read_output(std::span<char> buffer) { read(output_, buffer); }
    void read_error(std::span<char> buffer) { read(error_, buffer); }
    void write_input();
    // The process has ended: reads what is left. False while a process it left behind may still write.
    bool drain(std::span<char> buffer);

    void signal(int number) const;
    pid_t process() const { return pid_; }  // not positive when it does not run
    // Ends what is left of the process group, takes the exit status and closes everything.
    CommandEnd reap();

    StreamText& output() { return output_.kept; }
    StreamText& error() { return error_.kept; }
    // The last lines of stderr, or of stdout when there is nothing else.
    std::string last_lines() const;
    void add_to_log(std::string_view text);
    // What OutcomeDetails::log is to hold.
    std::string finish_log();

private:
    struct Stream {
        FileDescriptor read_end;
        FileDescriptor write_end;  // kept until the process ends: end of file is asked for once, then
        bool wanted = false;       // some output reads it
        bool large = false;
        StreamText kept;
        std::string tail;
    };

    void open(Stream& stream);
    bool read(Stream& stream, std::span<char> buffer);
    void take(Stream& stream, std::string_view text);

    const PreparedCommand& command_;
    JobLog& log_file_;
    const Ticket& ticket_;
    const std::uint64_t log_bytes_;
    std::optional<AttemptLog> log_;
    Stream output_;
    Stream error_;
    FileDescriptor input_;
    std::size_t input_piece_ = 0;
    std::size_t input_offset_ = 0;
    FileDescriptor pidfd_;
    pid_t pid_ = -1;
    LiveGroups::Place group_;
};

}  // namespace penstock
