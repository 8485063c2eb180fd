// A program that works for a worker of a stage: started, written to, read from and ended by the thread that has it,
// which waits meanwhile.
//
// It stays in the process group of the worker process: whoever ends that ends the program and what it started with it.
// What it leaves behind when it ends by itself becomes a child of the worker process, and is ended too. stderr goes to
// the job's log, line by line. Bounds: what it writes is kept until it is taken, at most `most_bytes`.
#pragma once

#include "exec/command_process.hpp"
#include "exec/command_template.hpp"

#include <penstock/worker.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace penstock {

class StageChild {
public:
    // Throws CommandError when it cannot be started. All referred to must outlive it.
    StageChild(const PreparedCommand& command, Context& context, bool reads_input, std::size_t most_bytes);
    // Kills what is left.
    ~StageChild();
    StageChild(const StageChild&) = delete;

    // Writes all of it, and keeps what the program writes meanwhile. False when the program does not want the rest.
    // Throws std::runtime_error when the worker is to stop, and CommandError when the program writes too much.
    bool write(std::string_view bytes);
    void close_input() { input_.close(); }
    // What it has written and nobody has taken.
    std::string& output() { return output_; }
    // Waits for more of it, at most so long; -1 = for ever. False when there was none. Throws as write() does.
    bool read_more(int timeout_ms = -1);
    bool output_ended() const { return !output_end_; }
    bool has_ended() const;

    // Waits for its end, at most so long, then kills it and all it has left.
    CommandEnd end(int grace_ms);
    // "the command `sort` ended with exit code 3. The last lines it wrote to stderr:\n..."
    std::string end_text(const CommandEnd& end) const;
    // The same of a program that should not have ended; kills it.
    std::string lost_text();

private:
    bool step(std::string_view& to_write, int timeout_ms);
    void read_output();
    void read_error();
    void log_lines();
    void end_orphans();
    CommandEnd reap();

    const PreparedCommand& command_;
    Context& context_;
    const std::size_t most_bytes_;
    FileDescriptor input_;
    FileDescriptor output_end_;
    FileDescriptor error_end_;
    FileDescriptor pidfd_;
    pid_t pid_ = -1;
    std::set<pid_t> others_;  // children of this process that are none of its doing
    std::string output_;
    std::string error_line_;  // begun
    std::string error_tail_;
};

}  // namespace penstock
