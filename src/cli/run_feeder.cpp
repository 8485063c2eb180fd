#include "cli/run_feeder.hpp"

#include "cli/for_each_feeder.hpp"
#include "cli/manager.hpp"
#include "store/store_error.hpp"

#include <thread>

namespace penstock {

void RunFeeder::feed(Feed& feed) {
    Submitter submitter(feed, parts_.directory, parts_.durable);
    {
        // Lines may keep coming while the driver function works.
        std::jthread lines;
        if (parts_.driver && parts_.lines)
            lines = std::jthread([&] { feed_plans_and_lines(submitter); });
        else
            feed_plans_and_lines(submitter);
        if (parts_.driver) drive(submitter);
    }
    report_.journal_failed = submitter.journal_failed();
    feed.close();
}

void RunFeeder::feed_plans_and_lines(Submitter& submitter) {
    try {
        if (parts_.lines) {
            const auto complain = [this](const std::string& text) { parts_.tell(Severity::error, text); };
            report_.bad_lines =
                feed_lines(*parts_.lines, parts_.plans, parts_.for_each_key, submitter, complain).bad_lines;
            return;
        }
        std::vector<Submission> all;
        for (const auto& plan : parts_.plans) all.push_back({plan, "", {}});
        if (!all.empty()) submitter.submit(std::move(all));
    } catch (const FeedStopped&) {
        // The run ends early; its summary says why.
    } catch (const StoreError& error) {
        parts_.tell(Severity::error, error.what());
    } catch (const std::exception& error) {
        ++report_.bad_lines;
        parts_.tell(Severity::error, error.what());
    }
}

void RunFeeder::drive(Submitter& submitter) {
    try {
        parts_.manager->attach(submitter);
        parts_.driver(*parts_.manager);
    } catch (const RunStopped&) {
    } catch (const std::exception& error) {
        report_.driver_failed = true;
        parts_.tell(Severity::error, std::string("the driver function of this program failed: ") + error.what() +
                                         "\nWhat it had started is run to its end.");
    } catch (...) {
        report_.driver_failed = true;
        parts_.tell(Severity::error,
                    "the driver function of this program threw something that is no std::exception.\n"
                    "What it had started is run to its end.");
    }
    parts_.manager->detach();
}

}  // namespace penstock
