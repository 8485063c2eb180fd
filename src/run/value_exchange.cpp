#include "run/value_exchange.hpp"

#include "value/value_codec.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

// Before each value of an answer: whether there is one, and whether it starts at a multiple of kAlignment, so that a
// large array is used where it arrived. kProblemFollows: the value is there and cannot be read; a string says why.
enum Mark : std::uint8_t { kNoValue = 0, kValueFollows = 1, kAlignedValueFollows = 2, kProblemFollows = 3 };
constexpr std::size_t kAlignBeyond = 4096;
constexpr std::size_t kAlignment = 64;

constexpr std::size_t aligned(std::size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

void append(std::vector<JobRun>& runs, PipelineId pipeline, std::uint32_t job) {
    if (!runs.empty() && runs.back().first.value + runs.back().count == job)
        ++runs.back().count;
    else
        runs.push_back({pipeline, JobIndex(job), 1});
}

}  // namespace

// The jobs one binding of one instance reads, in the order of the input.
std::vector<ValueExchange::Part> ValueExchange::parts_of(const PipelineContext& pipeline, const Binding& binding,
                                                         std::uint32_t instance) {
    const Plan& plan = *pipeline.plan;
    const PipelineId id = pipeline.info.id;
    std::vector<Part> parts;
    for (const Binding::Producer& p : binding.producers) {
        const JobTemplate& job = plan.templates[p.job.value];
        const std::string& key = binding.key_of(p);
        if (parts.empty() || *parts.back().key != key) parts.push_back({&key, {}});
        std::vector<JobRun>& runs = parts.back().jobs;
        switch (p.relation) {
            case Relation::all:
                if (job.count != 0) runs.push_back({id, job.first_job, job.count});
                break;
            case Relation::twin:
                append(runs, id, job.first_job.value + instance);
                break;
            case Relation::group: {
                const GroupMembers& m = members(pipeline, p.grouping);
                for (std::uint32_t k = m.begin[instance]; k < m.begin[instance + 1]; ++k)
                    append(runs, id, job.first_job.value + m.members[k]);
                break;
            }
        }
    }
    return parts;
}

const GroupMembers& ValueExchange::members(const PipelineContext& pipeline, std::uint32_t grouping) {
    std::vector<GroupMembers>& known = members_[pipeline.info.plan];
    if (known.empty())
        for (const Grouping& g : pipeline.plan->groupings) known.push_back(members_of(g));
    return known.at(grouping);
}

void ValueExchange::fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner,
                          Outbox& out) {
    const Plan& plan = *job.pipeline->plan;
    const PipelineId pipeline = job.pipeline->info.id;
    Gathering& g = gathering_[job.ticket];
    g.job = job;
    for (const Binding& binding : plan.templates[job.job.value].bindings) {
        if (binding.from != Binding::From::outputs) continue;
        Source source;
        source.binding = &binding;
        source.parts = parts_of(*job.pipeline, binding, job.instance);
        std::uint32_t n = 0;
        for (const Part& part : source.parts)
            for (const JobRun& run : part.jobs) n += run.count;
        source.values.resize(n);
        source.present.assign(n, false);
        g.sources.push_back(std::move(source));
    }
    if (located) {
        ask_holders(
            job.ticket, g, [holder](std::uint32_t) { return holder; }, out);
        return;
    }
    msg::Locate question{next_request_++, pipeline, {}};
    for (const Source& source : g.sources)
        for (const Part& part : source.parts)
            question.jobs.insert(question.jobs.end(), part.jobs.begin(), part.jobs.end());
    locating_[question.request] = job.ticket;
    out.to_pipeliner(pipeliner, std::move(question));
}

void ValueExchange::on(const msg::Located& m, std::uint32_t, Outbox& out) {
    const auto at = locating_.find(m.request);
    if (at == locating_.end()) {
        ++ignored_;
        return;
    }
    const std::uint64_t ticket = at->second;
    locating_.erase(at);
    const auto gathering = gathering_.find(ticket);
    if (gathering == gathering_.end()) return;  // not wanted any more
    // The runs cover the jobs asked for, in order: walk them along with the slots.
    std::size_t run = 0;
    std::uint32_t within = 0;
    ask_holders(
        ticket, gathering->second,
        [&](std::uint32_t) -> std::uint32_t {
            while (run < m.runs.size() && within >= m.runs[run].count) {
                ++run;
                within = 0;
            }
            if (run == m.runs.size()) return msg::kNobody;
            ++within;
            return m.runs[run].holder;
        },
        out);
}

// `holder_of` is asked once for each slot of each source, in order.
void ValueExchange::ask_holders(std::uint64_t ticket, Gathering& g,
                                const std::function<std::uint32_t(std::uint32_t)>& holder_of, Outbox& out) {
    for (std::uint32_t s = 0; s < g.sources.size(); ++s) {
        std::uint32_t slot = 0;
        for (const Part& part : g.sources[s].parts) ask_holders_of_part(ticket, g, s, part, slot, holder_of, out);
    }
    done_if_complete(ticket, g);
}

void ValueExchange::ask_holders_of_part(std::uint64_t ticket, Gathering& g, std::uint32_t source, const Part& part,
                                        std::uint32_t& slot,
                                        const std::function<std::uint32_t(std::uint32_t)>& holder_of, Outbox& out) {
    const PipelineId pipeline = g.job.pipeline->info.id;
    std::map<std::uint32_t, std::pair<msg::Fetch, Question>> by_holder;
    for (const JobRun& run : part.jobs) {
        for (std::uint32_t i = 0; i < run.count; ++i, ++slot) {
            const std::uint32_t job = run.first.value + i;
            const std::uint32_t holder = holder_of(job);
            if (holder == msg::kNobody) continue;
            if (holder == rank_) {
                take_local(g, g.sources[source], *part.key, slot, job);
                continue;
            }
            auto& [question, remembered] = by_holder[holder];
            append(question.jobs, pipeline, job);
            remembered.slots.push_back(slot);
        }
    }
    for (auto& [holder, ask] : by_holder) {
        auto& [question, remembered] = ask;
        question.request = next_request_++;
        question.pipeline = pipeline;
        question.key = *part.key;
        remembered.ticket = ticket;
        remembered.source = source;
        if (holder == msg::kStored) {
            out.to_router(msg::FindStored{question.request, pipeline, std::move(question.jobs)});
            stored_questions_.emplace(question.request, StoredQuestion{std::move(remembered), *part.key});
            ++g.outstanding;
            continue;
        }
        questions_.emplace(question.request, std::move(remembered));
        ++g.outstanding;
        out.to_broker(holder, std::move(question));
    }
}

void ValueExchange::take_local(Gathering& g, Source& source, const std::string& key, std::uint32_t slot,
                               std::uint32_t job) {
    try {
        const auto document = cache_.find(g.job.pipeline->info.id, JobIndex(job));
        if (document == nullptr) return;
        const auto value = document->find(key);
        if (value == document->end()) return;
        source.values[slot] = value->second;
        source.present[slot] = true;
    } catch (const std::exception& error) {
        g.problem = error.what();
    }
}

void ValueExchange::done_if_complete(std::uint64_t ticket, Gathering& g) {
    if (g.outstanding != 0) return;
    auto inputs = std::make_unique<FetchedInputs>();
    inputs->problem = std::move(g.problem);
    inputs->lost = g.lost;
    // A producer that succeeded made every key, so with `missing: drop` all lists of the same producers lack the same
    // elements and stay aligned.
    for (const Source& source : g.sources) {
        const Missing missing = source.binding->missing;
        if (!source.binding->list) {
            const bool there = !source.present.empty() && source.present[0];
            if (!there && missing == Missing::fail) break;
            inputs->values.push_back(there ? source.values[0] : Value());
            continue;
        }
        List list;
        list.reserve(source.values.size());
        bool complete = true;
        for (std::size_t i = 0; i < source.values.size(); ++i) {
            if (source.present[i])
                list.push_back(source.values[i]);
            else if (missing == Missing::null)
                list.push_back(Value());
            else
                complete &= missing == Missing::drop;
        }
        if (!complete) break;
        inputs->values.push_back(Value(std::move(list)));
    }
    ready_[ticket] = std::move(inputs);
    gathering_.erase(ticket);
    arrived_.push_back(ticket);
}

std::unique_ptr<FetchedInputs> ValueExchange::take_inputs(std::uint64_t ticket) {
    const auto at = ready_.find(ticket);
    if (at == ready_.end()) return nullptr;
    auto inputs = std::move(at->second);
    ready_.erase(at);
    return inputs;
}

void ValueExchange::forget_inputs(std::uint64_t ticket) {
    ready_.erase(ticket);
    if (gathering_.erase(ticket) == 0) return;
    std::erase_if(locating_, [&](const auto& question) { return question.second == ticket; });
    std::erase_if(stored_questions_, [&](const auto& question) { return question.second.ticket == ticket; });
    std::erase_if(questions_, [&](const auto& question) {
        if (question.second.ticket != ticket) return false;
        incoming_.erase(question.first);
        incoming_bytes_.erase(question.first);
        return true;
    });
}

// ------------------------------------------------------------------------------------------ what is in files

void ValueExchange::on(const msg::StoredAt& m, std::uint32_t, Outbox&) {
    const auto at = stored_questions_.find(m.request);
    if (at == stored_questions_.end()) {
        ++ignored_;
        return;
    }
    StoredRequest request{m.request, at->second.key, m.files, {}};
    request.places.reserve(at->second.slots.size());
    for (const msg::StoredAt::Run& run : m.runs)
        for (std::uint32_t i = 0; i < run.count && request.places.size() < at->second.slots.size(); ++i)
            request.places.push_back({run.file, run.row + i});
    request.places.resize(at->second.slots.size(), {msg::StoredAt::kNowhere, 0});
    stored_requests_.push_back(std::move(request));
}

void ValueExchange::stored(StoredAnswer answer, Outbox& out) {
    const auto at = stored_questions_.find(answer.request);
    if (at == stored_questions_.end()) return;
    const StoredQuestion question = std::move(at->second);
    stored_questions_.erase(at);
    const auto gathering = gathering_.find(question.ticket);
    if (gathering == gathering_.end()) return;
    Gathering& g = gathering->second;
    if (!answer.error.empty()) {
        g.problem = answer.error;
        g.lost = true;
        out.to_router(msg::StoredLost{answer.file, answer.error});
    } else {
        Source& source = g.sources[question.source];
        for (std::size_t i = 0; i < question.slots.size() && i < answer.values.size(); ++i) {
            if (!answer.values[i]) continue;
            source.values[question.slots[i]] = std::move(*answer.values[i]);
            source.present[question.slots[i]] = true;
        }
    }
    --g.outstanding;
    done_if_complete(question.ticket, g);
}

// ------------------------------------------------------------------------------------------ the holder's side

void ValueExchange::on(const msg::Fetch& m, std::uint32_t from, Outbox& out) {
    auto bytes = std::make_shared<std::vector<std::byte>>();
    for (const JobRun& run : m.jobs)
        for (std::uint32_t i = 0; i < run.count; ++i)
            append_answer(m.pipeline, JobIndex(run.first.value + i), m.key, *bytes);
    if (bytes->size() <= kChunkBytes) {
        out.to_broker(from, msg::Fetched{m.request, std::move(*bytes)});
        return;
    }
    Outgoing& answer = outgoing_[{from, m.request}];
    answer.bytes = std::move(bytes);
    for (std::size_t i = 0; i < kChunkWindow && answer.next < answer.bytes->size(); ++i)
        send_chunk(m.request, from, answer, out);
}

void ValueExchange::append_answer(PipelineId pipeline, JobIndex job, const std::string& key,
                                  std::vector<std::byte>& bytes) {
    std::shared_ptr<const Document> document;
    try {
        document = cache_.find(pipeline, job);
    } catch (const std::exception& error) {
        bytes.push_back(static_cast<std::byte>(kProblemFollows));
        encode(Value(error.what()), bytes);
        return;
    }
    const auto value = document ? document->find(key) : Document::const_iterator{};
    const bool there = document && value != document->end();
    bytes.push_back(static_cast<std::byte>(there ? kValueFollows : kNoValue));
    if (!there) return;
    if (encoded_size(value->second) >= kAlignBeyond) {
        bytes.back() = static_cast<std::byte>(kAlignedValueFollows);
        bytes.resize(aligned(bytes.size()));
    }
    encode(value->second, bytes);
}

void ValueExchange::send_chunk(std::uint64_t request, std::uint32_t to, Outgoing& answer, Outbox& out) {
    const std::size_t n = std::min(kChunkBytes, answer.bytes->size() - answer.next);
    const auto begin = answer.bytes->begin() + static_cast<std::ptrdiff_t>(answer.next);
    out.to_broker(to, msg::FetchedChunk{
                          request, answer.next, answer.bytes->size(), {begin, begin + static_cast<std::ptrdiff_t>(n)}});
    answer.next += n;
}

void ValueExchange::on(const msg::ChunkTaken& m, std::uint32_t from, Outbox& out) {
    const auto at = outgoing_.find({from, m.request});
    if (at == outgoing_.end()) return;  // the last chunks of an answer are taken after it has been sent whole
    if (at->second.next < at->second.bytes->size()) send_chunk(m.request, from, at->second, out);
    if (at->second.next >= at->second.bytes->size()) outgoing_.erase(at);
}

// ------------------------------------------------------------------------------------------ answers

void ValueExchange::answered(std::uint64_t request, std::span<const std::byte> bytes,
                             const std::shared_ptr<const void>& owner) {
    const auto at = questions_.find(request);
    if (at == questions_.end()) {
        ++ignored_;
        return;
    }
    const Question question = std::move(at->second);
    questions_.erase(at);
    const auto gathering = gathering_.find(question.ticket);
    if (gathering == gathering_.end()) return;
    Gathering& g = gathering->second;
    try {
        read_answer(question, bytes, owner, g);
    } catch (const std::exception& error) {
        g.problem = std::string("what another broker sent cannot be read: ") + error.what();
    }
    --g.outstanding;
    done_if_complete(question.ticket, g);
}

void ValueExchange::read_answer(const Question& question, std::span<const std::byte> bytes,
                                const std::shared_ptr<const void>& owner, Gathering& g) {
    Source& source = g.sources[question.source];
    const std::size_t whole = bytes.size();
    for (std::uint32_t slot : question.slots) {
        if (bytes.empty()) break;
        const auto mark = static_cast<std::uint8_t>(bytes.front());
        bytes = bytes.subspan(1);
        if (mark == kNoValue) continue;
        if (mark == kAlignedValueFollows) {
            const std::size_t at_byte = whole - bytes.size();
            bytes = bytes.subspan(std::min(aligned(at_byte) - at_byte, bytes.size()));
        }
        Value value = decode_value(bytes, owner);
        if (mark == kProblemFollows) {
            g.problem = value.string();
            continue;
        }
        source.values[slot] = std::move(value);
        source.present[slot] = true;
    }
}

void ValueExchange::on(const msg::Fetched& m, std::uint32_t, Outbox&) { answered(m.request, m.bytes, nullptr); }

void ValueExchange::on(const msg::FetchedChunk& m, std::uint32_t from, Outbox& out) {
    if (!questions_.contains(m.request) || m.offset > m.total || m.bytes.size() > m.total - m.offset) {
        ++ignored_;
        return;
    }
    auto& whole = incoming_[m.request];
    if (whole == nullptr) whole = std::make_shared<std::vector<std::byte>>(m.total);
    if (whole->size() != m.total) {
        ++ignored_;
        return;
    }
    std::memcpy(whole->data() + m.offset, m.bytes.data(), m.bytes.size());
    std::uint64_t& have = incoming_bytes_[m.request];
    have += m.bytes.size();
    if (have < m.total) {
        out.to_broker(from, msg::ChunkTaken{m.request, m.offset});
        return;
    }
    const std::shared_ptr<const std::vector<std::byte>> bytes = std::move(whole);
    incoming_.erase(m.request);
    incoming_bytes_.erase(m.request);
    out.to_broker(from, msg::ChunkTaken{m.request, m.offset});
    answered(m.request, *bytes, bytes);
}

}  // namespace penstock
