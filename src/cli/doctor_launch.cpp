// What the launcher and MPI do here: small launches of this program, of which parts are killed.
#include "cli/doctor.hpp"
#include "cli/trial_process.hpp"
#include "mpi/trial_rank.hpp"
#include "report/text.hpp"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace penstock {

namespace {

namespace fs = std::filesystem;
using Result = Finding::Result;
using Clock = TrialProcess::Clock;

constexpr double kStart_s = 30;   // until all ranks have said who they are
constexpr double kEnd_s = 20;     // until a launch has ended that is to end
constexpr double kSurvive_s = 3;  // ranks that go on so long after one has died live on
constexpr double kForward_s = 5;  // until a signal has arrived
constexpr std::string_view kRecovery = "--enable-recovery";

struct RankFacts {
    std::map<std::string, std::string> facts;
    std::string operator[](const std::string& name) const {
        const auto at = facts.find(name);
        return at == facts.end() ? "" : at->second;
    }
};

std::string text_of(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::uint64_t number_of(const std::string& text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string seconds_since(Clock::time_point start) {
    return duration_text(std::chrono::duration<double>(Clock::now() - start).count());
}

// One launch, in a folder of its own that goes with it.
class Launch {
public:
    Launch(std::vector<std::string> launcher, const fs::path& program, const char* mode, const fs::path& folder)
        : folder_(made(folder)), process_(arguments(std::move(launcher), program, mode), folder_ / "printed") {}
    ~Launch() {
        put("stop");
        process_.wait(kEnd_s);
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Launch(const Launch&) = delete;
    Launch& operator=(const Launch&) = delete;

    TrialProcess& process() { return process_; }
    void put(const char* name) const { std::ofstream(folder_ / name) << ""; }
    bool has(const std::string& name) const { return fs::exists(folder_ / name); }

    RankFacts rank(std::uint64_t number) const {
        RankFacts rank;
        std::istringstream lines(text_of(folder_ / ("rank-" + std::to_string(number))));
        for (std::string line; std::getline(lines, line);)
            rank.facts[line.substr(0, line.find(' '))] = line.substr(std::min(line.find(' ') + 1, line.size()));
        return rank;
    }
    std::uint64_t size() const { return number_of(rank(0)["size"]); }
    // False when it ended before, or they did not come.
    bool all_are_there() {
        const auto there = [this] {
            const std::uint64_t n = size();
            for (std::uint64_t r = 0; r < n; ++r)
                if (!has("rank-" + std::to_string(r))) return false;
            return n != 0;
        };
        process_.wait_until(kStart_s, [&] { return there() || process_.ended(); });
        return there();
    }
    std::uint64_t calls(std::uint64_t number) const {
        return number_of(text_of(folder_ / ("alive-" + std::to_string(number))));
    }

private:
    static fs::path made(const fs::path& folder) {
        std::string name = (fs::absolute(folder) / ".penstock-doctor-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no folder for it can be made in " + folder.string());
        return name;
    }
    std::vector<std::string> arguments(std::vector<std::string> words, const fs::path& program,
                                       const char* mode) const {
        words.insert(words.end(), {program.string(), kDoctorRank, mode, folder_.string()});
        return words;
    }

    fs::path folder_;
    TrialProcess process_;
};

class Examination {
public:
    Examination(const std::string& launcher, fs::path program, fs::path folder)
        : part_("launcher: " + launcher), program_(std::move(program)), folder_(std::move(folder)) {
        std::istringstream text(launcher);
        for (std::string word; text >> word;) words_.push_back(word);
    }

    Findings run() {
        if (words_.empty())
            return {{part_, "a launch works", Result::does_not, "no words", "such as --launcher 'mpirun -n 4'", true}};
        try {
            if (!says_hello()) return findings_;
            dies(words_, false);
            if (open_mpi_ && std::find(words_.begin(), words_.end(), kRecovery) == words_.end()) {
                std::vector<std::string> recovering = words_;
                recovering.insert(recovering.begin() + 1, std::string(kRecovery));
                dies(recovering, true);
            }
            is_signalled();
        } catch (const std::runtime_error& error) {
            add("a launch works", Result::does_not, error.what(), "", true);
        }
        return findings_;
    }

private:
    void add(std::string what, Result result, std::string found = "", std::string advice = "", bool needed = false) {
        findings_.push_back({part_, std::move(what), result, std::move(found), std::move(advice), needed});
    }

    std::string not_started(Launch& launch) const {
        const auto code = launch.process().ended();
        return (code ? "exit code " + std::to_string(*code) : "not all ranks came within " + duration_text(kStart_s)) +
               ": " + launch.process().complaint();
    }
    static std::string start_advice(const std::string& printed) {
        if (printed.find("not enough slots") != std::string::npos) return "fewer ranks, or --oversubscribe";
        if (printed.find("as root") != std::string::npos)
            return "not as root; or OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1";
        if (printed.find("pmi") != std::string::npos || printed.find("PMI") != std::string::npos)
            return "srun needs the right --mpi: `srun --mpi=list` shows what there is (pmix for Open MPI)";
        return "start it by hand to see more; another launcher: --launcher 'mpirun -n 4'";
    }

    bool says_hello() {
        const auto start = Clock::now();
        Launch launch(words_, program_, kTrialHello, folder_);
        const bool there = launch.all_are_there();
        const auto code = launch.process().wait(kEnd_s);
        const std::uint64_t size = launch.size();
        const std::string printed = launch.process().printed();
        if (!there || code != 0) {
            add("a launch works", Result::does_not, there && !code ? "it does not end" : not_started(launch),
                start_advice(printed), true);
            return false;
        }
        const auto said = lines_with(printed, "penstock doctor: rank ");
        const RankFacts first = launch.rank(0);
        if (size == 1 && said > 1) {
            add("a launch works", Result::does_not, counted(said, "process") + "es that know nothing of each other",
                "this launcher belongs to another MPI than the program (" + first["library"] + "): use that one's",
                true);
            return false;
        }
        std::map<std::string, std::uint64_t> hosts;
        bool threads = true;
        for (std::uint64_t r = 0; r < size; ++r) {
            ++hosts[launch.rank(r)["host"]];
            threads &= launch.rank(r)["threads"] == "yes";
        }
        open_mpi_ = first["library"].starts_with("Open MPI") && words_[0].find("srun") == std::string::npos;
        add("a launch works", Result::holds,
            counted(size, "rank") + " on " + counted(hosts.size(), "host") + ", " + first["library"] + ", " +
                seconds_since(start),
            "", true);
        add("MPI lets a program have threads (funneled)", threads ? Result::holds : Result::does_not, "",
            threads ? "" : "ranks have threads beside the one that calls MPI: build or choose an MPI that allows it",
            true);
        add("what ranks print arrives", said == size ? Result::holds : Result::does_not,
            count_text(said) + " of " + counted(size, "line"),
            said == size ? "" : "look at X.h5.run/summary.txt, or use --log-file");
        return size > 1;
    }

    static std::uint64_t lines_with(const std::string& text, std::string_view part) {
        std::uint64_t n = 0;
        for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
        return n;
    }

    // kill -9 of the last rank, by itself: it may be on another host.
    void dies(const std::vector<std::string>& words, bool recovering) {
        const std::string what = recovering
                                     ? "kill -9 of a rank: with " + std::string(kRecovery) + " the others live on"
                                     : "kill -9 of a rank: the launch ends, or the others live on";
        Launch launch(words, program_, kTrialStay, folder_);
        if (!launch.all_are_there()) return add(what, Result::unknown, not_started(launch));
        launch.put("die");
        const auto killed = Clock::now();
        // It died at some moment after this; what rank 0 counts afterwards it has counted without it.
        const auto code = launch.process().wait(kSurvive_s);
        if (code)
            return add(what, recovering ? Result::does_not : Result::holds,
                       "the launch ended after " + seconds_since(killed), ends_advice(recovering));
        const std::uint64_t before = launch.calls(0);
        const std::uint64_t of_second = launch.size() > 2 ? launch.calls(1) : 0;
        const bool live = launch.process().wait_until(kSurvive_s, [&] {
            return launch.calls(0) > before + 5 && (launch.size() <= 2 || launch.calls(1) > of_second + 5);
        });
        if (live) {
            add(what, Result::holds, "they go on",
                recovering ? "start it with " + words_[0] + " " + std::string(kRecovery) +
                                 " so that a dead broker costs no more than what it ran"
                           : "");
            return ends_with_the_others(launch);
        }
        if (launch.process().wait(kEnd_s))
            return add(what, recovering ? Result::does_not : Result::holds,
                       "the launch ended after " + seconds_since(killed), ends_advice(recovering));
        add(what, Result::does_not, "the others stand still, and the launch does not end",
            "such a launch must be ended by hand; then --resume goes on");
    }
    void ends_with_the_others(Launch& launch) {
        launch.put("stop");
        const auto code = launch.process().wait(kEnd_s);
        add("a launch that has lost a rank ends when the others have", code ? Result::holds : Result::does_not,
            code ? "with code " + std::to_string(*code) : "not within " + duration_text(kEnd_s),
            code ? "" : "start it with `penstock launch X.h5 mpirun ...`, which ends when the run does");
    }
    static std::string ends_advice(bool recovering) {
        return recovering ? ""
                          : "a dead rank ends the run: let the batch script start it again with --resume (exit code "
                            "75, or any but 0, 1 and 2)";
    }

    void is_signalled() {
        Launch launch(words_, program_, kTrialStay, folder_);
        constexpr const char* kUsr1 = "SIGUSR1 to the launcher reaches the ranks";
        constexpr const char* kTerm = "SIGTERM to the launcher reaches the ranks";
        if (!launch.all_are_there()) return add(kUsr1, Result::unknown, not_started(launch));
        const auto all_have = [&](int number) {
            for (std::uint64_t r = 0; r < launch.size(); ++r)
                if (!launch.has("signal-" + std::to_string(r) + "-" + std::to_string(number))) return false;
            return true;
        };
        launch.process().signal(SIGUSR1);
        const bool passed_on = launch.process().wait_until(kForward_s, [&] {
            return all_have(SIGUSR1) || launch.process().ended();
        }) && all_have(SIGUSR1);
        add(kUsr1, passed_on ? Result::holds : Result::does_not, "",
            passed_on ? "send it some minutes before the end of the allocation (#SBATCH --signal=B:USR1@120): nothing "
                        "starts then, what runs may end"
                      : "let rank 0 know the end by --walltime");
        if (launch.process().ended()) return;
        const auto sent = Clock::now();
        launch.process().signal(SIGTERM);
        const auto code = launch.process().wait(kEnd_s);
        const bool seen = all_have(SIGTERM);
        add(kTerm, seen ? Result::holds : Result::does_not,
            code ? "and the launch ends after " + seconds_since(sent) : std::string("and the launch goes on"),
            code ? "it leaves what runs no time: SIGUSR1 or --walltime do" : "");
    }

    const std::string part_;
    const fs::path program_, folder_;
    std::vector<std::string> words_;
    Findings findings_;
    bool open_mpi_ = false;
};

}  // namespace

Findings look_at_launcher(const std::string& launcher, const fs::path& program, const fs::path& folder) {
    return Examination(launcher, program, folder).run();
}

}  // namespace penstock
