#include "cli/run_command.hpp"

#include "cli/definitions.hpp"
#include "cli/fit.hpp"
#include "cli/manager.hpp"
#include "cli/plan_text.hpp"
#include "cli/run_feeder.hpp"
#include "report/events.hpp"
#include "report/observer_list.hpp"
#include "report/reporter.hpp"
#include "report/role_text.hpp"
#include "report/summary.hpp"
#include "report/text.hpp"
#include "report/waiting_file.hpp"
#include "run/clock.hpp"
#include "store/collect.hpp"
#include "store/durable_jobs.hpp"
#include "store/json_store.hpp"
#include "store/run_directory.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>

namespace penstock {

namespace {

// Something the user can put right; nothing was run.
class Refused : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Leader {
public:
    Leader(const RunCommand& command, const StoreChoice& store, const RunSetup& setup, Session& session,
           Streams& streams, Console& console)
        : command_(command), store_(store), setup_(setup), session_(session), streams_(streams), console_(console) {}

    int lead();

private:
    bool prepare();
    void read_earlier();
    void refuse_what_fits_nowhere() const;
    std::string stream_refusal(const Plan& plan, const HostLedger& hosts) const;
    std::string refusal(const Plan& plan, const std::vector<std::string>& command_line) const;
    std::string results_name() const;
    void make_observers();
    RunRequest request() const;

    int run();
    void note_lost(const std::string& file, const std::string& reason);
    void note_walltime(RunRequest& request) const;
    void finish_store(const RunRequest& request, const RunSummary& summary);
    void collect_results(const RunSummary& summary);
    int exit_code(const RunSummary& summary, const FeederReport& fed) const;
    void tell_summary(const RunSummary& summary, int code);
    ResultPlace place_of_results(const RunSummary& summary) const;
    void prepare_json();
    void keep_summary(const std::string& text, int code) const;
    std::string example_table(const RunSummary& summary) const;

    const Nanoseconds began_ = steady_now();
    const RunCommand& command_;
    const StoreChoice& store_;
    const RunSetup& setup_;
    Session& session_;
    Streams& streams_;
    Console& console_;

    std::vector<std::shared_ptr<const Plan>> plans_;
    std::unique_ptr<LineReader> lines_;
    std::string results_;  // X.h5
    std::unique_ptr<RunLog> log_;
    std::unique_ptr<EventWriter> events_;
    std::unique_ptr<RunDirectory> directory_;
    std::unique_ptr<DurableJobs> durable_;  // of earlier launches
    std::unique_ptr<Manager> manager_;
    std::unique_ptr<Reporter> reporter_;
    bool store_finished_ = true;
    bool lost_files_ = false;  // what only they had runs again in the next launch
    bool collected_ = false;
    std::string not_collected_reason_;
};

int Leader::lead() {
    bool go = false;
    int code = kExitUsage;
    try {
        go = prepare();
        if (go || command_.dry_run) code = kExitSucceeded;
    } catch (const Refused& error) {
        streams_.err << "penstock: error: " << error.what() << "\n";
    } catch (const StoreError& error) {
        streams_.err << "penstock: error: " << error.what() << "\n";
    } catch (...) {
        session_.agree(std::nullopt);  // or the other ranks would wait for ever
        throw;
    }
    if (!go) {
        session_.agree(std::nullopt);
        return code;
    }
    return run();
}

// Everything that can be refused, before anything is made. False: nothing is to be run.
bool Leader::prepare() {
    Definitions definitions = load_definitions(command_.source, setup_.types, store_.of_program, streams_);
    streams_.err << definitions.problems;
    if (!definitions.ok) throw Refused("nothing was run: " + std::string("mend the definition first"));
    plans_ = std::move(definitions.plans);
    refuse_what_fits_nowhere();
    if (command_.dry_run) {
        streams_.out << roles_text(session_.launch().roles) << plans_text(plans_);
        return false;
    }
    try {
        if (!command_.source.for_each.empty()) lines_ = std::make_unique<LineReader>(command_.source.for_each);
        log_ = std::make_unique<RunLog>(console_, command_.verbosity, command_.log_file);
        if (!command_.events.empty()) {
            EventPipe::Options options;
            options.target = command_.events;
            events_ = std::make_unique<EventWriter>(std::move(options));
        }
    } catch (const std::runtime_error& error) {
        throw Refused(error.what());
    }
    results_ = results_name();
    ClaimOptions claim;
    claim.force = command_.force;
    claim.resume = command_.resume;
    claim.command_line = setup_.command_line;
    directory_ = RunDirectory::claim(results_, claim);
    if (directory_->resumed()) read_earlier();
    if (!store_.json_directory.empty()) prepare_json();
    return true;
}

void Leader::prepare_json() {
    if (!directory_->resumed()) return prepare_json_store(store_.json_directory, command_.force);
    if (resume_json_store(store_.json_directory) || durable_->jobs() == 0) return;
    log_->write(Severity::warning, store_.json_directory + " has nothing of what earlier launches of " + results_ +
                                       " made: if they had another --store, say that one; values that are not made "
                                       "again are missing here");
}

// What earlier launches have done, before anything is started.
void Leader::read_earlier() {
    const auto start = std::chrono::steady_clock::now();
    DurableJobs::Options options;
    options.retry_failed = command_.retry_failed;
    options.values_elsewhere = !store_.text.empty();
    durable_ = DurableJobs::read(directory_->path(), options);
    for (const std::string& warning : durable_->warnings()) log_->write(Severity::warning, warning);
    // What only they held runs again now: that they are damaged is no reason for one more launch.
    for (const auto& [file, reason] : durable_->damaged()) directory_->record_lost(file, reason);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    log_->write(Severity::info, "resuming " + results_ + ": " + counted(durable_->jobs(), "job") +
                                    " known from earlier launches, read in " + duration_text(seconds));
}

// "" = it can run.
std::string Leader::stream_refusal(const Plan& plan, const HostLedger& hosts) const {
    if (const auto problem = stream_that_never_fits(plan, hosts)) return *problem;
    const auto shared = time_shared(plan, session_.launch());
    if (!shared || !command_.strict_slots) return "";
    return time_shared_text(plan, *shared) +
           ", and --strict-slots refuses that: give them `cpus: 1` and a launch with as many slots";
}

std::string Leader::refusal(const Plan& plan, const std::vector<std::string>& command_line) const {
    const HostLedger hosts = hosts_of(session_.launch(), command_.resources);
    const std::vector<std::string> problems = jobs_that_fit_nowhere(plan, hosts);
    if (problems.empty()) return stream_refusal(plan, hosts);
    std::string text;
    for (const std::string& problem : problems) text += problem + "\n";
    // The plan of a caller lives as long as this: no ownership is needed to look at it.
    const std::shared_ptr<const Plan> looked_at(std::shared_ptr<const Plan>(), &plan);
    return text +
           "A launch that holds it: " + launch_line({looked_at}, session_.launch(), command_line, command_.resources);
}

void Leader::refuse_what_fits_nowhere() const {
    for (const auto& plan : plans_) {
        const std::string problem = refusal(*plan, setup_.command_line);
        if (!problem.empty()) throw Refused(problem);
    }
}

std::string Leader::results_name() const {
    if (!command_.output.empty()) return results_file_of(command_.output).string();
    if (!plans_.empty()) return plans_.front()->name + ".h5";
    return std::filesystem::path(setup_.program).filename().string() + ".h5";
}

RunRequest Leader::request() const {
    RunRequest request;
    request.run_directory = std::filesystem::absolute(directory_->path());
    request.incarnation = directory_->incarnation();
    request.pipeliners = command_.pipeliners;
    request.slots = command_.slots;
    request.resources = command_.resources;
    request.store = store_.text;
    request.fail_fast = command_.fail_fast;
    request.retry_delay_s = command_.retry_delay_s;
    request.crash_limit = command_.crash_limit;
    request.broker_timeout_s = command_.broker_timeout_s;
    request.fence = [this](std::uint32_t rank, std::uint32_t epoch) { directory_->fence(rank, epoch); };
    return request;
}

// When this launch ends, as far as somebody says so.
void Leader::note_walltime(RunRequest& request) const {
    const auto walltime = walltime_of(command_.walltime, this_scheduler());
    if (!walltime) return;
    const bool told =
        command_.walltime.time_s.has_value();  // of this launch, which has read definitions and results by now
    request.ends_at = (told ? began_ : steady_now()) + static_cast<Nanoseconds>(walltime->seconds * 1e9);
    request.ends_by = walltime->source;
    log_->write(Severity::info, "what still runs in " + duration_text(walltime->seconds) + " is ended then, " +
                                    duration_text(walltime->margin_s) + " before " + walltime->end_text());
}

int Leader::run() {
    RunRequest wanted = request();
    note_walltime(wanted);
    session_.agree(wanted);
    wanted.make_store = store_maker(setup_.stores, session_.launch().rank);

    reporter_ = std::make_unique<Reporter>(console_, *log_, command_.verbosity);
    ObserverList observers;
    observers.add(*reporter_);
    std::optional<WaitingFile> waiting(directory_->path() / "waiting.json");
    observers.add(*waiting);
    if (events_) {
        observers.add(*events_);
        events_->started(results_, directory_->path().string());
    }
    if (setup_.driver) {
        manager_ = std::make_unique<Manager>(
            Manager::Setup{setup_.types, directory_->path(), command_.program_arguments, store_.of_program,
                           store_.text.empty() ? nullptr : wanted.make_store(store_.text),
                           [this](const Plan& plan) { return refusal(plan, setup_.command_line); }});
        observers.add(manager_->observer());
    }
    observers.roles(session_.launch().roles);
    if (!wanted.slots)
        if (const auto bound = unused_cpus(session_.launch())) log_->write(Severity::warning, *bound);
    for (const auto& plan : plans_)
        if (const auto shared = time_shared(*plan, session_.launch()))
            log_->write(Severity::info, time_shared_text(*plan, *shared) + " (--strict-slots refuses that)");
    RunFeeder feeder({plans_, lines_.get(), command_.source.for_each_key, setup_.driver, manager_.get(),
                      directory_.get(), durable_.get(),
                      [this](Severity severity, const std::string& text) { log_->write(severity, text); }});
    RunSummary summary = session_.run(wanted, observers, [&](Feed& feed) { feeder.feed(feed); });
    summary.bad_lines = feeder.report().bad_lines;
    if (summary.interrupted) {  // who told us to end may not wait for what follows
        not_collected_reason_ = "the run is not over";
        keep_summary(summary_text(summary, place_of_results(summary)), kExitResumeMe);
    }
    reporter_->stop();
    if (!summary.not_started.empty()) waiting->keep();
    waiting.reset();
    session_.close();

    for (const RunSummary::LostFile& lost : summary.lost_files) note_lost(lost.file, lost.reason);
    finish_store(wanted, summary);
    collect_results(summary);
    const int code = exit_code(summary, feeder.report());
    tell_summary(summary, code);
    if (events_) {
        const std::string problem = events_->finished(summary, code, collected_);
        if (!problem.empty()) log_->write(Severity::warning, problem);
    }
    return code;
}

// The next launch does without that file.
void Leader::note_lost(const std::string& file, const std::string& reason) {
    if (std::filesystem::path(file).filename().string().starts_with(kEarlierResults)) {
        log_->write(Severity::error, results_ + " itself is damaged (" + reason +
                                         "). Put back a sound copy of it, or move " +
                                         "it away: with --resume, what only it had runs again then.");
        lost_files_ = true;
        return;
    }
    try {
        directory_->record_lost(segment_name_of(std::filesystem::path(file).filename().string()), reason);
        lost_files_ = true;
    } catch (const StoreError& error) {
        log_->write(Severity::error, error.what());
    }
}

// All brokers have flushed and ended: the parts of another store than the results file are brought together.
void Leader::finish_store(const RunRequest& request, const RunSummary& summary) {
    if (store_.text.empty() || !summary.fatal.empty()) return;
    try {
        request.make_store(store_.text)->finish();
    } catch (const std::exception& error) {  // of a Store that may be the program's own
        store_finished_ = false;
        log_->write(Severity::error,
                    "the store " + store_.text + " could not bring its values together: " + error.what());
    }
}

void Leader::collect_results(const RunSummary& summary) {
    if (command_.no_collect) {
        not_collected_reason_ = "--no-collect";
        return;
    }
    // What is left is for the next launch, or for `collect` by hand.
    if (summary.interrupted || !summary.fatal.empty() || !store_finished_) {
        not_collected_reason_ = "the run is not over";
        return;
    }
    try {
        const CollectReport report = collect(directory_->path(), results_, {});
        for (const std::string& warning : report.warnings) log_->write(Severity::warning, warning);
        for (const auto& [file, reason] : report.damaged) note_lost(file, reason);
        log_->write(Severity::debug, "collected " + counted(report.jobs, "job") + " of " +
                                         counted(report.segments, "segment") + " in " + duration_text(report.seconds));
        collected_ = true;
        if (!lost_files_) directory_->finished();
    } catch (const StoreError& error) {
        if (!collected_) not_collected_reason_ = error.what();
        log_->write(Severity::error, error.what());
    }
}

int Leader::exit_code(const RunSummary& summary, const FeederReport& fed) const {
    const bool not_stored = !store_finished_ || (!collected_ && !command_.no_collect);
    if (summary.interrupted || !summary.fatal.empty() || lost_files_ || fed.journal_failed || not_stored)
        return kExitResumeMe;
    return summary.progress.all_succeeded() && fed.bad_lines == 0 && !fed.driver_failed ? kExitSucceeded
                                                                                        : kExitJobsFailed;
}

ResultPlace Leader::place_of_results(const RunSummary& summary) const {
    ResultPlace place;
    place.program = setup_.program;
    place.run = results_;
    place.collected = collected_;
    place.not_collected_reason = not_collected_reason_;
    place.store = store_.text;
    place.example_table = example_table(summary);
    return place;
}

void Leader::tell_summary(const RunSummary& summary, int code) {
    const std::string text = summary_text(summary, place_of_results(summary));
    log_->write_to_file(text);
    keep_summary(text, code);
    if (command_.verbosity != Verbosity::quiet || code != kExitSucceeded) console_.print(text);
}

// Launchers that are told to end (mpirun by SIGTERM or SIGINT) forward nothing more of what we print, and may neither
// end themselves nor give the exit code: a job script looks here.
void Leader::keep_summary(const std::string& text, int code) const {
    const std::filesystem::path file = directory_->path() / "summary.txt";
    std::error_code ignored;
    if (!std::filesystem::is_directory(directory_->path(), ignored)) return;
    std::ofstream out(file, std::ios::trunc);
    out << text << "\nexit code " << code << "\n";
    out.close();
    if (!out) log_->write(Severity::warning, "cannot write the summary to " + file.string());
}

// The last stage of a stream whose items are stored.
std::string stage_with_results(const Plan& plan) {
    for (auto job = plan.templates.rbegin(); job != plan.templates.rend(); ++job)
        if (job->name.ends_with("@results")) return plan.name + "/" + std::string(stage_shown_for(job->name));
    return "";
}

// A job whose results are worth a look: the last that makes and saves something, and may have done so.
std::string Leader::example_table(const RunSummary& summary) const {
    const auto without_results = [&](const std::string& job, const std::string& worker) {
        return std::any_of(summary.failures.begin(), summary.failures.end(),
                           [&](const FailureKind& f) { return f.first_job == job; }) ||
               std::none_of(summary.workers.begin(), summary.workers.end(),
                            [&](const WorkerSummary& w) { return w.worker == worker && w.succeeded > 0; });
    };
    for (const auto& plan : plans_) {
        if (plan->is_stream()) {
            if (const std::string stage = stage_with_results(*plan); !stage.empty()) return stage;
            continue;
        }
        for (auto job = plan->templates.rbegin(); job != plan->templates.rend(); ++job) {
            const auto type = std::find_if(setup_.types.begin(), setup_.types.end(),
                                           [&](const WorkerType& t) { return t.name == job->worker; });
            if (type == setup_.types.end() || !type->makes) continue;
            const Keys keys = type->makes(job->with);
            const bool shown =
                std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return job->save.saves(key); });
            const std::string name = plan->name + "/" + job->name;
            if (shown && !without_results(name, job->worker)) return name;
        }
    }
    return "";
}

}  // namespace

int lead_run(const RunCommand& command, const StoreChoice& store, const RunSetup& setup, Session& session,
             Streams& streams, Console& console) {
    return Leader(command, store, setup, session, streams, console).lead();
}

int follow_run(const RunSetup& setup, Session& session) {
    std::optional<RunRequest> request = session.agree(std::nullopt);
    if (!request) return kExitSucceeded;
    request->make_store = store_maker(setup.stores, session.launch().rank);
    RunObserver nobody;
    session.run(*request, nobody, nullptr);
    return kExitSucceeded;
}

}  // namespace penstock
