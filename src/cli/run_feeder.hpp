// What submits the pipelines of a run: the definitions, the lines of --for-each, and the program's driver function.
#pragma once

#include "cli/line_reader.hpp"
#include "cli/submitter.hpp"
#include "report/observer.hpp"

#include <penstock/pipeline_manager.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

class Manager;

struct FeederReport {
    std::uint64_t bad_lines = 0;
    bool driver_failed = false;
    bool journal_failed = false;
};

class RunFeeder {
public:
    struct Parts {
        const std::vector<std::shared_ptr<const Plan>>& plans;
        LineReader* lines = nullptr;  // null = no --for-each
        std::string for_each_key;
        Driver driver;               // may be null
        Manager* manager = nullptr;  // when there is a driver
        RunDirectory* directory = nullptr;
        DurableJobs* durable = nullptr;  // of earlier launches; null in the first
        std::function<void(Severity, const std::string&)> tell;
    };
    explicit RunFeeder(Parts parts) : parts_(std::move(parts)) {}

    // On the feeder's thread. Throws nothing.
    void feed(Feed& feed);
    // After the run.
    const FeederReport& report() const { return report_; }

private:
    void feed_plans_and_lines(Submitter& submitter);
    void drive(Submitter& submitter);

    Parts parts_;
    FeederReport report_;
};

}  // namespace penstock
