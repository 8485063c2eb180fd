// Every message on one line. The same text serves logs, test failures and transcripts, so it never holds a line break
// and is never longer than a few hundred characters, whatever the message carries.
#include "protocol/messages.hpp"

#include <string_view>

namespace penstock {

namespace {

constexpr std::size_t kMaxListed = 8;       // entries of a list that are spelled out
constexpr std::size_t kMaxTextBytes = 120;  // of an error or a name

std::string number(std::uint64_t n) { return std::to_string(n); }

// "7" for one, "[7,10)" for several, "[7,7)" for none.
std::string range(std::uint64_t first, std::uint64_t count) {
    return count == 1 ? number(first) : "[" + number(first) + "," + number(first + count) + ")";
}

std::string run(const JobRun& jobs) { return number(jobs.pipeline.value) + ":" + range(jobs.first.value, jobs.count); }

// One line, printable, bounded.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text.substr(0, kMaxTextBytes))
        line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    if (text.size() > kMaxTextBytes) line += "...";
    return line;
}

template <class List, class Text>
std::string listed(const List& list, Text&& text) {
    if (list.empty()) return "nothing";
    std::string line;
    for (std::size_t i = 0; i < list.size() && i < kMaxListed; ++i) {
        if (i != 0) line += ", ";
        line += text(list[i]);
    }
    if (list.size() > kMaxListed) line += " and " + number(list.size() - kMaxListed) + " more";
    return line;
}

// What Ready, Assign and an item of Returned have in common.
template <class Work>
std::string work(const Work& w) {
    std::string line = run(w.jobs) + " t" + number(w.job.value) + " attempt " + number(w.attempt);
    if (w.holder != msg::kNobody) line += " holder " + number(w.holder);
    if (!w.located) line += " to be located";
    return line;
}

std::string past(const PastAttempts& p) {
    const std::string lost = p.lost == 0 ? "" : " after " + number(p.lost) + " lost ranks";
    if (p.failed == 0) return lost;
    return lost + " after " + number(p.failed) + " failed" +
           (p.crashed == 0 ? "" : ", " + number(p.crashed) + " crashed") + ", not at " + number(p.broker) + " slot " +
           number(p.slot);
}

std::string line(const msg::Ready& m) { return "Ready " + work(m); }
std::string line(const msg::Skipped& m) { return "Skipped " + run(m.jobs) + " because of " + number(m.cause.value); }
std::string line(const msg::Ended& m) {
    std::string text = "Ended " + run(m.jobs) + (m.succeeded ? " succeeded" : " failed") + " attempt " +
                       number(m.attempt) + " records " + range(m.first_record, m.jobs.count) + " busy " +
                       number(m.busy_ns) + " ns" + (m.followed ? " followed" : "");
    if (m.epoch != 0) text += " epoch " + number(m.epoch);
    if (!m.error.empty()) text += ": " + one_line(m.error);
    return text;
}
std::string line(const msg::AttemptFailed& m) {
    return "AttemptFailed " + work(m) + " record " + number(m.record) + " busy " + number(m.busy_ns) + " ns" +
           past(m.past) + (m.told_to_end ? " told to end" : "") + ": " + one_line(m.error);
}
std::string line(const msg::Returned& m) {
    return "Returned " + listed(m.items, [](const msg::Returned::Item& item) { return work(item) + past(item.past); });
}
std::string line(const msg::Durable& m) { return "Durable up to " + number(m.record); }
std::string line(const msg::Refused& m) { return "Refused " + run(m.jobs) + ": " + one_line(m.error); }
std::string line(const msg::StoreFailed& m) { return "StoreFailed: " + one_line(m.error); }
std::string line(const msg::StreamReady& m) { return "StreamReady " + number(m.pipeline.value); }
std::string line(const msg::StreamReached& m) {
    return "StreamReached " + number(m.pipeline.value) + ":" + number(m.job.value) + " " + number(m.mark);
}
std::string line(const msg::StageProgress& m) {
    return "StageProgress " + number(m.pipeline.value) + ":" + number(m.job.value) + " " + number(m.counts.items_in) +
           " items in, " + number(m.counts.items_out) + " out";
}
std::string line(const msg::FindStored& m) { return "FindStored #" + number(m.request) + " " + listed(m.jobs, run); }
std::string line(const msg::StoredLost& m) { return "StoredLost " + one_line(m.file) + ": " + one_line(m.error); }
std::string line(const msg::Withdrawn& m) {
    return "Withdrawn " + number(m.pipeline.value) + " epoch " + number(m.epoch) + ": running " +
           listed(m.running, run) + "; held " + listed(m.held, run);
}
std::string line(const msg::Restarted& m) {
    return "Restarted " + number(m.pipeline.value) + " epoch " + number(m.epoch);
}
std::string line(const msg::Alive&) { return "Alive"; }
std::string line(const msg::RankLost& m) { return "RankLost " + number(m.rank); }
std::string line(const msg::Leave&) { return "Leave"; }
std::string line(const msg::Bye& m) { return "Bye with durations of " + number(m.by_worker.size()) + " worker types"; }

std::string line(const msg::StartPlan& m) {
    std::string text = "StartPlan " + number(m.plan.value);
    if (m.structure == nullptr || m.structure->first_job.empty()) return text + " without structure";
    return text + ": " + number(m.structure->templates()) + " templates, " + number(m.structure->jobs()) + " jobs, " +
           number(m.structure->edges.size()) + " edges";
}
std::string line(const msg::Earlier& m) {
    std::string text = "Earlier " + number(m.pipeline.value) + ": ";
    if (m.history == nullptr) return text + "nothing";
    return text + number(m.history->succeeded()) + " succeeded, " + number(m.history->failed()) + " failed";
}
std::string line(const msg::Restart& m) {
    std::string text =
        "Restart " + number(m.pipeline.value) + " of plan " + number(m.plan.value) + " epoch " + number(m.epoch) + ": ";
    if (m.history == nullptr) return text + "nothing";
    return text + number(m.history->succeeded()) + " succeeded, " + number(m.history->failed()) + " failed, running " +
           listed(m.history->running, [](const JobHistory::Running& r) { return range(r.first, r.count); });
}
std::string line(const msg::StartPipelines& m) {
    return "StartPipelines " + range(m.first.value, m.count) + " of plan " + number(m.plan.value);
}
std::string line(const msg::Locate& m) { return "Locate #" + number(m.request) + " " + listed(m.jobs, run); }

std::string line(const msg::PlanBlock& m) {
    return "PlanBlock " + number(m.id.value) + " templates [" + number(m.first) + "," + number(m.last) + ")" +
           (m.with_header ? " with header" : "");
}
std::string line(const msg::IntroducePipeline& m) {
    std::string text = "IntroducePipeline " + number(m.info.id.value) + " of plan " + number(m.info.plan.value) +
                       " pipeliner " + number(m.pipeliner);
    if (!m.info.instance.empty()) text += " instance " + one_line(m.info.instance);
    if (!m.follows) text += " step by step";
    return text;
}
std::string line(const msg::Assign& m) { return "Assign " + work(m) + (m.reserved ? " reserved" : "") + past(m.past); }
std::string line(const msg::Recall& m) {
    return "Recall " + number(m.count) + (m.end_running ? " end-running" : "") +
           (m.no_followers ? " no-followers" : "");
}
std::string line(const msg::Located& m) {
    return "Located #" + number(m.request) + " " + listed(m.runs, [](const msg::Located::Run& r) {
               return range(r.first.value, r.count) + (r.holder == msg::kNobody   ? " nowhere"
                                                       : r.holder == msg::kStored ? " stored"
                                                                                  : " at " + number(r.holder));
           });
}
std::string line(const msg::StoredAt& m) {
    return "StoredAt #" + number(m.request) + " " + listed(m.runs, [&](const msg::StoredAt::Run& r) {
               return range(r.first.value, r.count) +
                      (r.file >= m.files.size() ? " nowhere"
                                                : " in " + one_line(m.files[r.file]) + " from " + number(r.row));
           });
}
std::string line(const msg::Fetch& m) {
    return "Fetch #" + number(m.request) + " " + one_line(m.key) + " of " + listed(m.jobs, run);
}
std::string line(const msg::Fetched& m) {
    return "Fetched #" + number(m.request) + " " + number(m.bytes.size()) + " bytes";
}
std::string line(const msg::FetchedChunk& m) {
    return "FetchedChunk #" + number(m.request) + " bytes [" + number(m.offset) + "," +
           number(m.offset + m.bytes.size()) + ") of " + number(m.total);
}
std::string line(const msg::ChunkTaken& m) { return "ChunkTaken #" + number(m.request) + " at " + number(m.offset); }
std::string line(const msg::Release& m) { return "Release " + run(m.jobs); }
std::string line(const msg::Withdraw& m) {
    return "Withdraw " + number(m.pipeline.value) + " epoch " + number(m.epoch) + " pipeliner " + number(m.pipeliner);
}
std::string line(const msg::Continue& m) {
    return "Continue " + number(m.pipeline.value) + " epoch " + number(m.epoch);
}
std::string line(const msg::ForgetPipeline& m) { return "ForgetPipeline " + number(m.pipeline.value); }
std::string line(const msg::ForgetPlan& m) { return "ForgetPlan " + number(m.plan.value); }
std::string line(const msg::PlaceStream& m) {
    return "PlaceStream " + number(m.pipeline.value) + " at " + listed(m.ranks, number);
}
std::string line(const msg::OpenStream& m) { return "OpenStream " + number(m.pipeline.value); }
std::string line(const msg::StopStream& m) {
    return "StopStream " + number(m.pipeline.value) + (m.failed ? " because of " + number(m.cause.value) : "") +
           (m.closed ? " by the driver" : "") + ": " + one_line(m.reason);
}
std::string way(PipelineId pipeline, JobIndex from, JobIndex to) {
    return number(pipeline.value) + ":" + number(from.value) + "->" + number(to.value);
}
std::string line(const msg::StreamItems& m) {
    return "StreamItems " + way(m.pipeline, m.from, m.to) + " " + number(m.items->count()) + " items, " +
           number(m.items->bytes.size()) + " bytes, batch " + number(m.batch) + (m.last ? " ends" : "");
}
std::string line(const msg::StreamEnd& m) {
    return "StreamEnd " + way(m.pipeline, m.from, m.to) + " after " + number(m.items) + (m.failed ? " failed" : "");
}
std::string line(const msg::StreamTaken& m) {
    return "StreamTaken " + way(m.pipeline, m.from, m.to) + " " + number(m.items) + " items, " + number(m.bytes) +
           " bytes" + (m.each_ns < 0 ? "" : ", " + number(static_cast<std::uint64_t>(m.each_ns)) + " ns each");
}
std::string line(const msg::Flush&) { return "Flush"; }
std::string line(const msg::Stop&) { return "Stop"; }

}  // namespace

std::string describe(const Message& message) {
    return std::visit([](const auto& inbox) { return std::visit([](const auto& m) { return line(m); }, inbox); },
                      message);
}

std::string describe(const Envelope& envelope) {
    return number(envelope.from) + " -> " + number(envelope.to) + ": " + describe(envelope.message);
}

}  // namespace penstock
