#include "report/run_log.hpp"

#include "report/text.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

namespace penstock {

namespace {

spdlog::level::level_enum level_of(Severity severity) {
    switch (severity) {
        case Severity::debug:
            return spdlog::level::debug;
        case Severity::info:
            return spdlog::level::info;
        case Severity::warning:
            return spdlog::level::warn;
        case Severity::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

spdlog::level::level_enum level_of(Verbosity verbosity) {
    switch (verbosity) {
        case Verbosity::quiet:
            return spdlog::level::warn;
        case Verbosity::normal:
            return spdlog::level::info;
        case Verbosity::verbose:
            return spdlog::level::debug;
    }
    return spdlog::level::info;
}

class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit ConsoleSink(Console& console) : console_(console) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::string line = "penstock: ";
        if (message.level == spdlog::level::warn) line += "warning: ";
        if (message.level == spdlog::level::err) line += "error: ";
        line += printable_lines({message.payload.data(), message.payload.size()});
        console_.print(line + "\n");
    }
    void flush_() override {}

    Console& console_;
};

}  // namespace

struct RunLog::Loggers {
    std::unique_ptr<spdlog::logger> console;
    std::unique_ptr<spdlog::logger> file;  // may be null
};

RunLog::RunLog(Console& console, Verbosity verbosity, const std::string& file) : loggers_(std::make_unique<Loggers>()) {
    loggers_->console = std::make_unique<spdlog::logger>("console", std::make_shared<ConsoleSink>(console));
    loggers_->console->set_level(level_of(verbosity));
    if (file.empty()) return;
    try {
        loggers_->file =
            std::make_unique<spdlog::logger>("file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
    } catch (const spdlog::spdlog_ex& error) {
        throw std::runtime_error("cannot write the log file " + printable(file) + ": " + error.what() +
                                 "; name a place that can be written with --log-file");
    }
    loggers_->file->set_level(spdlog::level::debug);
    loggers_->file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
    // Messages are rare, and the last ones before a crash are those that matter.
    loggers_->file->flush_on(spdlog::level::debug);
}

RunLog::~RunLog() = default;

void RunLog::write(Severity severity, std::string_view text) {
    const spdlog::string_view_t payload(text.data(), text.size());
    loggers_->console->log(level_of(severity), payload);
    if (loggers_->file) loggers_->file->log(level_of(severity), payload);
}

void RunLog::write_to_file(std::string_view text) {
    if (loggers_->file) loggers_->file->log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace penstock
