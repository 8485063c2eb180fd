// Brings a job the outputs it reads, from this broker's cache or from other brokers.
//
// A state machine like the roles: messages in, messages out. For each job it works out which producer jobs each binding
// reads, asks the pipeliner where they are unless that is known, asks the brokers that hold them, and puts the values
// together in the order of the input. What earlier launches have stored is asked of rank 0 (which file, which row) and
// then read by the driver. Answers beyond kChunkBytes travel in chunks, at most kChunkWindow under way an
// answer.
#pragma once

#include "core/broker.hpp"
#include "exec/task.hpp"
#include "protocol/messages.hpp"
#include "run/stored_reader.hpp"
#include "run/value_cache.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock {

class ValueExchange {
public:
    static constexpr std::size_t kChunkBytes = 1 << 18;
    static constexpr std::size_t kChunkWindow = 8;

    ValueExchange(std::uint32_t rank, ValueCache& cache) : rank_(rank), cache_(cache) {}

    // Starts to gather the inputs of a job; when all are there its ticket is in arrived().
    void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner, Outbox& out);
    std::vector<std::uint64_t> take_arrived() { return std::exchange(arrived_, {}); }
    // The inputs of a ticket that has arrived. A missing value that the binding does not allow ends the list early,
    // which fails the job by the name of the key (exec/materialize.hpp), as does a problem.
    std::unique_ptr<FetchedInputs> take_inputs(std::uint64_t ticket);
    // What it has of them, and what is on its way.
    void forget_inputs(std::uint64_t ticket);
    void forget(PlanId plan) { members_.erase(plan); }
    void put_back(std::uint64_t ticket, std::unique_ptr<FetchedInputs> inputs) { ready_[ticket] = std::move(inputs); }

    void on(const msg::Located& m, std::uint32_t from, Outbox& out);
    void on(const msg::StoredAt& m, std::uint32_t from, Outbox& out);
    // What the driver is to read, and what came of it.
    std::vector<StoredRequest> take_stored_requests() { return std::exchange(stored_requests_, {}); }
    void stored(StoredAnswer answer, Outbox& out);
    void on(const msg::Fetch& m, std::uint32_t from, Outbox& out);
    void on(const msg::Fetched& m, std::uint32_t from, Outbox& out);
    void on(const msg::FetchedChunk& m, std::uint32_t from, Outbox& out);
    void on(const msg::ChunkTaken& m, std::uint32_t from, Outbox& out);

    std::uint64_t ignored() const { return ignored_; }
    // Inputs that are gathered or wait to be taken, questions about them, and answers on their way: none once all jobs
    // have started or were given back.
    std::size_t in_hand() const {
        return gathering_.size() + ready_.size() + arrived_.size() + locating_.size() + questions_.size() +
               stored_questions_.size() + incoming_.size() + outgoing_.size();
    }

private:
    struct Part {  // jobs of which one key is read
        const std::string* key = nullptr;
        std::vector<JobRun> jobs;
    };
    struct Source {  // one binding: the jobs it reads and what has come of them
        const Binding* binding = nullptr;
        std::vector<Part> parts;
        std::vector<Value> values;  // one a job, in order
        std::vector<bool> present;
    };
    struct Gathering {
        JobStart job;
        std::vector<Source> sources;
        std::uint32_t outstanding = 0;  // questions asked and not answered
        std::string problem;            // a value that could not be read
        bool lost = false;              // it was of an earlier launch
    };
    struct Question {  // a Fetch on its way: which slots of which source its answer fills
        std::uint64_t ticket = 0;
        std::uint32_t source = 0;
        std::vector<std::uint32_t> slots;
    };
    struct StoredQuestion : Question {  // of what is in files
        std::string key;
    };
    struct Outgoing {  // a large answer being sent
        std::shared_ptr<const std::vector<std::byte>> bytes;
        std::size_t next = 0;
    };

    std::vector<Part> parts_of(const PipelineContext& pipeline, const Binding& binding, std::uint32_t instance);
    const GroupMembers& members(const PipelineContext& pipeline, std::uint32_t grouping);
    void ask_holders(std::uint64_t ticket, Gathering& g, const std::function<std::uint32_t(std::uint32_t)>& holder_of,
                     Outbox& out);
    void ask_holders_of_part(std::uint64_t ticket, Gathering& g, std::uint32_t source, const Part& part,
                             std::uint32_t& slot, const std::function<std::uint32_t(std::uint32_t)>& holder_of,
                             Outbox& out);
    void take_local(Gathering& g, Source& source, const std::string& key, std::uint32_t slot, std::uint32_t job);
    void append_answer(PipelineId pipeline, JobIndex job, const std::string& key, std::vector<std::byte>& bytes);
    static void read_answer(const Question& question, std::span<const std::byte> bytes,
                            const std::shared_ptr<const void>& owner, Gathering& g);
    void answered(std::uint64_t request, std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner);
    void done_if_complete(std::uint64_t ticket, Gathering& g);
    void send_chunk(std::uint64_t request, std::uint32_t to, Outgoing& answer, Outbox& out);

    std::uint32_t rank_;
    ValueCache& cache_;
    std::unordered_map<PlanId, std::vector<GroupMembers>> members_;            // of plans with groups that are read
    std::unordered_map<std::uint64_t, Gathering> gathering_;                   // by ticket
    std::unordered_map<std::uint64_t, std::unique_ptr<FetchedInputs>> ready_;  // by ticket
    std::vector<std::uint64_t> arrived_;
    std::unordered_map<std::uint64_t, std::uint64_t> locating_;           // request -> ticket
    std::unordered_map<std::uint64_t, Question> questions_;               // request
    std::unordered_map<std::uint64_t, StoredQuestion> stored_questions_;  // request
    std::vector<StoredRequest> stored_requests_;
    std::unordered_map<std::uint64_t, std::shared_ptr<std::vector<std::byte>>> incoming_;  // request -> chunks so far
    std::unordered_map<std::uint64_t, std::uint64_t> incoming_bytes_;
    std::map<std::pair<std::uint32_t, std::uint64_t>, Outgoing> outgoing_;  // (asking rank, request)
    std::uint64_t next_request_ = 1;
    std::uint64_t ignored_ = 0;
};

}  // namespace penstock
