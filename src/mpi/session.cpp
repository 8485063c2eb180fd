// The two kinds of session: one process without MPI, and a rank of a launch.
#include "mpi/launcher.hpp"
#include "mpi/mpi_transport.hpp"
#include "mpi/start_watch.hpp"
#include "run/run_roles.hpp"

#include <penstock/version.hpp>

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <time.h>
#include <unistd.h>

namespace penstock {

namespace {

constexpr int kFactsTag = 10;
constexpr int kLayoutTag = 11;
constexpr int kAgreeTag = 12;
constexpr int kClockTag = 13;
constexpr Nanoseconds kLongestStart = 60'000'000'000;       // what ranks do together once they know one another
constexpr Nanoseconds kAfterTheFirst = 5'000'000'000;       // a rank that has gone, the others leave MPI
constexpr Nanoseconds kLongestBeginning = 600'000'000'000;  // until they do: MPI of a large launch takes its time

constexpr Nanoseconds kLeastPatience = 10'000'000'000;  // with one that lives and does not send what it announced

class LocalSession final : public Session {
public:
    LocalSession(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, std::optional<std::uint32_t> slots)
        : types_(types), zygote_(std::move(zygote)), layout_(lay_out({facts_of_this_process()}, 0, 1, slots)) {}

    const Launch& launch() const override { return layout_.launch; }
    std::optional<RunRequest> agree(const std::optional<RunRequest>& request) override { return request; }
    RunSummary run(const RunRequest& request, RunObserver& observer, const Feeder& feeder) override {
        NoTransport transport;
        return run_roles({layout_, 0, types_, std::move(zygote_), {epoch_now() - steady_now()}}, request, transport,
                         observer, feeder);
    }

private:
    WorkerTypes types_;
    std::unique_ptr<Zygote> zygote_;
    LaunchLayout layout_;
};

// Boost's archives of what ranks tell one another at start. Not hot: one string each.
template <class T>
std::string pack(const T& value) {
    std::ostringstream out;
    boost::archive::binary_oarchive(out, boost::archive::no_header) << value;
    return out.str();
}

template <class T>
T unpack(const std::string& text) {
    std::istringstream in(text);
    T value;
    boost::archive::binary_iarchive(in, boost::archive::no_header) >> value;
    return value;
}

// Waiting for rank 0 takes as long as it needs to read the definitions: not at full speed.
std::string receive_patiently(const boost::mpi::communicator& world, int from, int tag) {
    while (!world.iprobe(from, tag)) {
        const timespec nap{0, 500'000};
        nanosleep(&nap, nullptr);
    }
    std::string text;
    world.recv(from, tag, text);
    return text;
}

// Open MPI tells its processes of --enable-recovery this way; of other launchers nothing is known.
bool launcher_ends_all() {
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return false;
    const char* recovers = std::getenv("OMPI_MCA_orte_enable_recovery");
    return recovers == nullptr || std::string_view(recovers) != "1";
}

class MpiSession final : public Session {
public:
    MpiSession(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, std::uint32_t pipeliners,
               std::optional<std::uint32_t> slots)
        : start_watch_(launcher_rank(), kLongestBeginning),
          environment_(std::make_unique<boost::mpi::environment>(boost::mpi::threading::funneled, true)),
          types_(types),
          zygote_(std::move(zygote)) {
        try {
            layout_ = lay_out(exchange_facts(), static_cast<std::uint32_t>(world_.rank()), pipeliners, slots);
            start_watch_.watch(layout_.peers, {});  // rank 0 may read definitions for as long as it needs
        } catch (const std::invalid_argument&) {
            start_watch_.stop();
            environment_.reset();  // all ranks see it and leave; left to unwinding, Boost would abort before it is told
            throw;
        }
    }

    const Launch& launch() const override { return layout_.launch; }
    std::optional<RunRequest> agree(const std::optional<RunRequest>& request) override;
    RunSummary run(const RunRequest& request, RunObserver& observer, const Feeder& feeder) override;
    ~MpiSession() override { start_watch_.stop(); }
    void close() override {
        start_watch_.stop();
        if (degraded_ || !environment_) return;
        degraded_ = !leave_together();
    }
    void leave(int exit_code) override {
        close();
        if (!degraded_) return;
        std::fflush(nullptr);
        _exit(exit_code);
    }

private:
    std::vector<RankFacts> exchange_facts();
    RouterCalendar exchange_clocks();
    bool leave_together();

    StartWatch start_watch_;  // begins before MPI does
    bool degraded_ = false;   // ranks are lost: MPI_Finalize may never return
    std::unique_ptr<boost::mpi::environment> environment_;
    boost::mpi::communicator world_;
    std::unique_ptr<Doorbells> doorbells_;
    WorkerTypes types_;
    std::unique_ptr<Zygote> zygote_;
    LaunchLayout layout_;
    std::vector<std::string> host_of_rank_;
};

// MPI waits for all ranks in its last calls, and so for ever when one dies just then. Where the others live on, that is
// left to a thread: rank 0 still has results to collect. False when it was given up.
bool MpiSession::leave_together() {
    struct Mpi {
        std::unique_ptr<Doorbells> doorbells;
        std::unique_ptr<boost::mpi::environment> environment;
        std::atomic<bool> left{false};
    };
    const auto mpi = std::make_shared<Mpi>();
    mpi->doorbells = std::move(doorbells_);
    mpi->environment = std::move(environment_);
    const auto let_go = [mpi] {
        mpi->doorbells.reset();
        mpi->environment.reset();
        mpi->left = true;
    };
    if (launcher_ends_all()) {
        let_go();
        return true;
    }
    std::thread leaving(let_go);
    RankWatch watch(layout_.peers, kLongestStart);
    std::optional<Nanoseconds> until;  // those who left before us are gone too: it need not mean anything
    while (!mpi->left && (!until || steady_now() < *until)) {
        if (!watch.look(steady_now()).empty() && !until) until = steady_now() + kAfterTheFirst;
        const timespec nap{0, 500'000};
        nanosleep(&nap, nullptr);
    }
    if (mpi->left)
        leaving.join();
    else
        leaving.detach();
    return mpi->left;
}

// What comes first is the same in every version: which build this is.
std::string pack_facts(const RankFacts& f) {
    std::ostringstream out;
    boost::archive::binary_oarchive ar(out, boost::archive::no_header);
    const std::string version(kVersion);
    ar << kWireVersion << version << f.host << f.pid << f.cpus << f.memory_bytes << f.processes << f.all_cpus;
    return out.str();
}

std::string build_of(std::uint32_t wire, const std::string& version) {
    return "Penstock " + version + " with messages of version " + std::to_string(wire);
}

// Throws std::invalid_argument when it is another build than this one.
RankFacts unpack_facts(const std::string& text, int rank, int here) {
    std::uint32_t wire = 0;
    std::string version = "of an unknown version";
    try {
        std::istringstream in(text);
        boost::archive::binary_iarchive ar(in, boost::archive::no_header);
        ar >> wire >> version;
        if (wire == kWireVersion && version == kVersion) {
            RankFacts f;
            ar >> f.host >> f.pid >> f.cpus >> f.memory_bytes >> f.processes >> f.all_cpus;
            return f;
        }
    } catch (const std::exception&) {
        // Told below: a build that says something else here is another one.
    }
    throw std::invalid_argument("two builds are in one launch: rank " + std::to_string(here) + " is " +
                                build_of(kWireVersion, std::string(kVersion)) + ", rank " + std::to_string(rank) +
                                " is " + build_of(wire, version) +
                                ". They do not understand one another: start the same build on every host.");
}

std::vector<RankFacts> MpiSession::exchange_facts() {
    const std::string mine = pack_facts(facts_of_this_process());
    std::vector<std::string> all(static_cast<std::size_t>(world_.size()), mine);
    if (world_.rank() == 0) {
        for (int r = 1; r < world_.size(); ++r) world_.recv(r, kFactsTag, all[static_cast<std::size_t>(r)]);
        const std::string together = pack(all);
        for (int r = 1; r < world_.size(); ++r) world_.send(r, kLayoutTag, together);
    } else {
        world_.send(0, kFactsTag, mine);
        std::string together;
        world_.recv(0, kLayoutTag, together);
        all = unpack<std::vector<std::string>>(together);
    }
    std::vector<RankFacts> facts;
    for (int r = 0; r < world_.size(); ++r)
        facts.push_back(unpack_facts(all[static_cast<std::size_t>(r)], r, world_.rank()));
    for (const RankFacts& f : facts) host_of_rank_.push_back(f.host);
    return facts;
}

std::optional<RunRequest> MpiSession::agree(const std::optional<RunRequest>& request) {
    if (world_.rank() == 0) {
        std::ostringstream out;
        {
            boost::archive::binary_oarchive ar(out, boost::archive::no_header);
            const bool runs = request.has_value();
            ar << runs;
            if (runs) {
                const std::string directory = request->run_directory.string();
                const bool has_slots = request->slots.has_value();
                const std::uint32_t slots = request->slots.value_or(0);
                ar << directory << request->incarnation << request->pipeliners << has_slots << slots
                   << request->resources << request->store << request->dry_run << request->fail_fast
                   << request->retry_delay_s << request->crash_limit << request->broker_timeout_s;
            }
        }
        for (int r = 1; r < world_.size(); ++r) world_.send(r, kAgreeTag, out.str());
        if (!request) start_watch_.stop();
        return request;
    }
    std::istringstream in(receive_patiently(world_, 0, kAgreeTag));
    boost::archive::binary_iarchive ar(in, boost::archive::no_header);
    bool runs = false, has_slots = false;
    ar >> runs;
    if (!runs) {
        start_watch_.stop();
        return std::nullopt;
    }
    RunRequest agreed;
    std::string directory;
    std::uint32_t slots = 0;
    ar >> directory >> agreed.incarnation >> agreed.pipeliners >> has_slots >> slots >> agreed.resources >>
        agreed.store >> agreed.dry_run >> agreed.fail_fast >> agreed.retry_delay_s >> agreed.crash_limit >>
        agreed.broker_timeout_s;
    agreed.run_directory = directory;
    if (has_slots) agreed.slots = slots;
    return agreed;
}

// Ranks on rank 0's host read the same steady clock; for others, half a round trip is close enough for records.
RouterCalendar MpiSession::exchange_clocks() {
    constexpr int kRounds = 3;
    if (world_.rank() == 0) {
        const std::int64_t offset = epoch_now() - steady_now();
        for (int r = 1; r < world_.size(); ++r) {
            if (host_of_rank_[static_cast<std::size_t>(r)] == host_of_rank_[0]) {
                world_.send(r, kClockTag, offset);
                continue;
            }
            for (int i = 0; i < kRounds; ++i) {
                std::int64_t ignored = 0;
                world_.recv(r, kClockTag, ignored);
                world_.send(r, kClockTag, epoch_now());
            }
        }
        return {offset};
    }
    RouterCalendar calendar;
    if (host_of_rank_[static_cast<std::size_t>(world_.rank())] == host_of_rank_[0]) {
        world_.recv(0, kClockTag, calendar.epoch_minus_steady);
        return calendar;
    }
    Nanoseconds best = INT64_MAX;
    for (int i = 0; i < kRounds; ++i) {
        const Nanoseconds before = steady_now();
        std::int64_t epoch = 0;
        world_.send(0, kClockTag, std::int64_t{0});
        world_.recv(0, kClockTag, epoch);
        const Nanoseconds after = steady_now();
        if (after - before >= best) continue;
        best = after - before;
        calendar.epoch_minus_steady = epoch - (before + (after - before) / 2);
    }
    return calendar;
}

RunSummary MpiSession::run(const RunRequest& request, RunObserver& observer, const Feeder& feeder) {
    const auto rank = static_cast<std::uint32_t>(world_.rank());
    RouterCalendar calendar;
    start_watch_.watch(layout_.peers,
                       std::max(kLongestStart, static_cast<Nanoseconds>(2e9 * request.broker_timeout_s)));
    calendar = exchange_clocks();
    doorbells_ = std::make_unique<Doorbells>(world_);
    start_watch_.stop();
    Admission admission(layout_, rank, [&](std::uint32_t from, const std::string& problem) {
        const std::string text =
            "rank " + std::to_string(rank) + " dropped a message from rank " + std::to_string(from) + ": " + problem;
        if (rank == 0)
            observer.message(Severity::warning, text);
        else  // nobody observes there, but the launcher brings it to people
            std::fputs(("penstock: warning: " + text + "\n").c_str(), stderr);
    });
    const bool ends_all = launcher_ends_all();
    const Nanoseconds longest_wait = std::max(kLeastPatience, static_cast<Nanoseconds>(2e9 * request.broker_timeout_s));
    MpiTransport transport(world_, *doorbells_, ends_all, longest_wait,
                           [&](std::uint32_t from, const std::string& problem) { admission.refuse(from, problem); });
    RunSummary summary =
        run_roles({layout_, rank, types_, std::move(zygote_), calendar, doorbells_->own(), &admission, ends_all},
                  request, transport, observer, feeder);
    degraded_ = summary.degraded;
    return summary;
}

}  // namespace

bool started_by_launcher() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
        if (std::getenv(name) != nullptr) return true;
    return false;
}

std::unique_ptr<Session> open_session(const WorkerTypes& types, std::unique_ptr<Zygote> zygote,
                                      std::uint32_t pipeliners, std::optional<std::uint32_t> slots) {
    if (started_by_launcher()) return std::make_unique<MpiSession>(types, std::move(zygote), pipeliners, slots);
    return std::make_unique<LocalSession>(types, std::move(zygote), slots);
}

}  // namespace penstock
