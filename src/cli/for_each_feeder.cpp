#include "cli/for_each_feeder.hpp"

#include "report/text.hpp"

#include <iterator>

namespace penstock {

namespace {

std::string told(const std::vector<Diagnostic>& diagnostics) {
    std::string text = "a line is left out:\n" + render(diagnostics);
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
}

class LineFeeder {
public:
    LineFeeder(const LineReader& reader, const std::vector<std::shared_ptr<const Plan>>& plans, const std::string& key,
               Submitter& submitter, const std::function<void(const std::string&)>& complain)
        : reader_(reader), plans_(plans), key_(key), submitter_(submitter), complain_(complain) {}

    void take(const std::vector<LineReader::Line>& lines) {
        std::vector<Submission> all;
        std::vector<std::pair<std::size_t, std::vector<Submission>>> by_line;
        for (const LineReader::Line& line : lines) {
            auto submissions = submissions_of(line);
            if (!submissions.empty()) by_line.emplace_back(line.number, std::move(submissions));
        }
        for (const auto& [number, submissions] : by_line) all.insert(all.end(), submissions.begin(), submissions.end());
        if (all.empty()) return;
        try {
            report_.submitted += submitter_.submit(std::move(all)).size();  // one entry in the journal
        } catch (const SubmittedBefore&) {
            take_one_by_one(std::move(by_line));
        }
    }

    ForEachReport finished() {
        if (report_.bad_lines > kLinesTold) {
            complain_(printable(reader_.name()) + ": " + counted(report_.bad_lines, "line") + " were no good in all");
        }
        return report_;
    }

private:
    std::vector<Submission> submissions_of(const LineReader::Line& line) {
        if (line.too_long) {
            bad(line.number, "the line is longer than " + bytes_text(LineReader::kMaxLine_bytes));
            return {};
        }
        ForEachLine result = submissions_for_line(plans_, line.text, key_, reader_.name(), line.number);
        if (result.diagnostics.empty()) return std::move(result.submissions);
        ++report_.bad_lines;
        if (report_.bad_lines <= kLinesTold) complain_(told(result.diagnostics));
        return {};
    }

    void take_one_by_one(std::vector<std::pair<std::size_t, std::vector<Submission>>> by_line) {
        for (auto& [number, submissions] : by_line) {
            try {
                report_.submitted += submitter_.submit(std::move(submissions)).size();
            } catch (const SubmittedBefore& error) {
                bad(number, error.what());
            }
        }
    }

    void bad(std::size_t line, const std::string& problem) {
        ++report_.bad_lines;
        if (report_.bad_lines <= kLinesTold)
            complain_(printable(reader_.name()) + ":" + std::to_string(line) + ": " + problem);
    }

    const LineReader& reader_;
    const std::vector<std::shared_ptr<const Plan>>& plans_;
    const std::string& key_;
    Submitter& submitter_;
    const std::function<void(const std::string&)>& complain_;
    ForEachReport report_;
};

}  // namespace

ForEachReport feed_lines(LineReader& reader, const std::vector<std::shared_ptr<const Plan>>& plans,
                         const std::string& key, Submitter& submitter,
                         const std::function<void(const std::string&)>& complain) {
    LineFeeder feeder(reader, plans, key, submitter, complain);
    const auto stop = [&] { return submitter.stopping(); };
    for (auto lines = reader.next(stop); !lines.empty(); lines = reader.next(stop)) feeder.take(lines);
    return feeder.finished();
}

}  // namespace penstock
