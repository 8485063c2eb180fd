// Messages for people: on the console as much as was asked for, in the log file all of them with their times.
//
// Threads: any.
#pragma once

#include "report/console.hpp"
#include "report/observer.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace penstock {

enum class Verbosity { quiet, normal, verbose };  // -q: warnings and errors; normal: and information; -v: everything

class RunLog {
public:
    // `file`: "" = none; appended to. Throws std::runtime_error when it cannot be opened.
    RunLog(Console& console, Verbosity verbosity, const std::string& file);
    ~RunLog();

    void write(Severity severity, std::string_view text);
    // Only for the log file: what the console shows in another form.
    void write_to_file(std::string_view text);

private:
    struct Loggers;
    std::unique_ptr<Loggers> loggers_;
};

}  // namespace penstock
