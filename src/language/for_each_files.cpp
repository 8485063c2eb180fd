// {lines: FILE} and {rows: FILE.jsonl}.
#include "language/for_each_reader.hpp"
#include "language/reader.hpp"

#include <unordered_map>

namespace penstock {

namespace {

const SourceText* open(const Reading& reading, const Node& file, InputFiles& files, std::string_view form) {
    if (!file.is(Node::Kind::string) || file.text.empty()) {
        reading.wrong_type(file, quote(form), "the name of a file");
        return nullptr;
    }
    std::string problem;
    const SourceText* source = files.read(file.text, problem);
    if (!source)
        reading.error(file.place, "the file " + quote(file.text) + " " + problem,
                      "names of files are relative to the folder of the definition");
    else if (!check_text(*source, reading.diagnostics))
        return nullptr;
    return source;
}

// Calls f(place) for every line that is not empty; a carriage return at its end does not belong to it.
template <class F>
void each_line(const SourceText& source, F&& f) {
    const std::string_view text = source.text();
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t line_end = std::min(text.find('\n', begin), text.size());
        std::size_t end = line_end;
        if (end > begin && text[end - 1] == '\r') --end;
        if (text.substr(begin, end - begin).find_first_not_of(" \t") != std::string_view::npos)
            f(Place{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)});
        begin = line_end + 1;
    }
}

// The rows of a file, one JSON object a line: all with the same keys, which become the names.
class RowReader {
public:
    RowReader(const Reading& reading, const SourceText& source) : rows_(source, reading.limits, reading.diagnostics) {}

    std::vector<Axis> read() {
        each_line(rows_.source, [&](Place place) {
            Arena arena;  // of this row alone
            const Node* row = read_json_value(rows_.source, place, arena, rows_.limits, rows_.diagnostics);
            if (!row)
                good_ = false;
            else if (!row->is(Node::Kind::map) || row->size == 0)
                fail(place, "this row is " + std::string(row->what()),
                     "each line of a file of rows is a JSON object: {\"name\": value, ...}");
            else if (columns_.empty())
                begin(*row, place);
            else
                add(*row, place);
        });
        if (good_ && columns_.empty())
            fail({0, 1}, "the file has no rows", "the names of the for-each come from its rows");
        if (!good_) return {};
        return std::move(columns_);
    }

private:
    void fail(Place place, std::string problem, std::string reason) {
        rows_.error(place, std::move(problem), std::move(reason));
        good_ = false;
    }

    void begin(const Node& row, Place place) {
        for (const auto& [key, value] : row.map()) {
            const std::string problem = key_problem(key->text);
            if (!problem.empty() || is_built_in_name(key->text))
                fail(key->place, quote(key->text) + " cannot be a name in a for-each",
                     problem.empty() ? "the name means a directory in every job" : problem);
            Axis axis;
            axis.name = key->text;
            axis.values = std::vector<Value>();
            index_.emplace(axis.name, columns_.size());
            columns_.push_back(std::move(axis));
        }
        add(row, place);
    }

    void add(const Node& row, Place place) {
        bool same = row.size == columns_.size();
        for (const auto& [key, value] : row.map()) same = same && index_.contains(std::string(key->text));
        if (!same)
            return fail(place, "this row has other keys than the first", "all rows of a file have the same keys");
        for (const auto& [key, value] : row.map())
            std::get<std::vector<Value>>(columns_[index_.at(std::string(key->text))].values)
                .push_back(rows_.value(*value));
    }

    Reading rows_;
    std::vector<Axis> columns_;
    std::unordered_map<std::string, std::size_t> index_;
    bool good_ = true;
};

}  // namespace

bool read_lines(const Reading& reading, const Node& file, InputFiles& files, std::vector<Value>& values) {
    const SourceText* source = open(reading, file, files, "lines");
    if (!source) return false;
    each_line(*source, [&](Place place) { values.emplace_back(source->text().substr(place.offset, place.length)); });
    return true;
}

std::vector<Axis> read_rows(const Reading& reading, const Node& file, InputFiles& files) {
    const SourceText* source = open(reading, file, files, "rows");
    if (!source) return {};
    return RowReader(reading, *source).read();
}

}  // namespace penstock
