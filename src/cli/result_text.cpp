#include "cli/result_text.hpp"

#include "cli/job_reference.hpp"
#include "report/text.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <ostream>

namespace penstock {

namespace {

constexpr std::uint64_t kElementsShown = 8;
constexpr std::size_t kErrorWidth = 80;

using Row = ResultTable::Row;

bool of_several_pipelines(const ResultTable& table) {
    return std::any_of(table.rows.begin(), table.rows.end(),
                       [](const Row& row) { return !row.pipeline_instance.empty(); });
}

// The columns of a table of results: the pipeline's instance where there are several, parameters, values.
std::vector<std::string> headings(const ResultTable& table) {
    std::vector<std::string> names;
    if (of_several_pipelines(table)) names.push_back("pipeline");
    names.insert(names.end(), table.parameter_names.begin(), table.parameter_names.end());
    names.insert(names.end(), table.keys.begin(), table.keys.end());
    return names;
}

template <class Text>
std::vector<std::string> cells(const ResultTable& table, const Row& row, bool with_pipeline, const Text& text) {
    std::vector<std::string> out;
    const auto add = [&](const Document& document, const std::string& key) {
        const auto found = document.find(key);
        out.push_back(found == document.end() ? "" : text(found->second));
    };
    if (with_pipeline) out.push_back(text(Value(row.pipeline_instance)));
    for (const std::string& name : table.parameter_names) add(row.parameters, name);
    for (const std::string& key : table.keys) add(row.values, key);
    return out;
}

void write_csv_line(const std::vector<std::string>& fields, std::ostream& out) {
    for (std::size_t i = 0; i < fields.size(); ++i) out << (i > 0 ? "," : "") << csv_field(fields[i]);
    out << "\r\n";
}

void write_text(const ResultTable& table, std::ostream& out) {
    std::vector<TextTable::Column> columns;
    for (const std::string& name : headings(table)) columns.push_back({printable(name)});
    // Numbers stand at the right, as soon as the first row says that it is a column of numbers.
    if (!table.rows.empty()) {
        const auto numeric = cells(table, table.rows.front(), of_several_pipelines(table),
                                   [](const Value& value) { return std::string(value.is_number() ? "n" : ""); });
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (numeric[i] == "n") columns[i].align = TextTable::Align::right;
        }
    }
    TextTable text(std::move(columns));
    const bool with_pipeline = of_several_pipelines(table);
    for (const Row& row : table.rows) text.add(cells(table, row, with_pipeline, cell_text));
    out << text.render();
}

double duration_s(const JobRow& row) { return row.finished > row.started ? row.finished - row.started : 0; }

Document as_document(const JobRow& row) {
    return {{"pipeline", row.pipeline}, {"pipeline_instance", row.pipeline_instance},
            {"name", row.name},         {"instance", row.instance},
            {"worker", row.worker},     {"status", std::string(job_status_name(row.status))},
            {"attempts", row.attempts}, {"broker", row.broker},
            {"slot", row.slot},         {"submitted", row.submitted},
            {"started", row.started},   {"finished", row.finished},
            {"error", row.error}};
}

}  // namespace

std::string cell_text(const Value& value) {
    switch (value.type()) {
        case Value::Type::bytes:
            return bytes_text(value.bytes().size());
        case Value::Type::array: {
            const Array& array = value.array();
            if (array.size() <= kElementsShown) return to_json(value, JsonForm::plain);
            std::string text(element_name(array.type()));
            for (std::size_t i = 0; i < array.shape().size(); ++i) {
                text += (i == 0 ? "[" : ",") + std::to_string(array.shape()[i]);
            }
            return text + "]";
        }
        default:
            return printable(plain_text(value));
    }
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

void write_table(const ResultTable& table, TableForm form, std::ostream& out) {
    if (form == TableForm::text) return write_text(table, out);
    const bool with_pipeline = of_several_pipelines(table);
    if (form == TableForm::csv) {
        write_csv_line(headings(table), out);
        for (const Row& row : table.rows) write_csv_line(cells(table, row, with_pipeline, plain_text), out);
        return;
    }
    for (const Row& row : table.rows) {
        Document line = {{"instance", row.instance}, {"parameters", row.parameters}, {"values", row.values}};
        if (with_pipeline) line.emplace("pipeline_instance", row.pipeline_instance);
        out << to_json(line, JsonForm::plain) << "\n";
    }
}

ItemTable::ItemTable(TableForm form, bool several, std::ostream& out) : form_(form), several_(several), out_(out) {
    if (form_ != TableForm::csv) return;
    write_csv_line(several_ ? std::vector<std::string>{"pipeline", "item"} : std::vector<std::string>{"item"}, out_);
}

void ItemTable::begin(const std::string& pipeline_instance) {
    pipeline_instance_ = pipeline_instance;
    if (several_ && form_ == TableForm::text) out_ << "== " << printable(pipeline_instance) << " ==\n";
}

void ItemTable::add(const Value& item) {
    if (form_ == TableForm::text) {
        out_ << cell_text(item) << "\n";
    } else if (form_ == TableForm::csv) {
        std::vector<std::string> fields{plain_text(item)};
        if (several_) fields.insert(fields.begin(), pipeline_instance_);
        write_csv_line(fields, out_);
    } else {
        Document line = {{"item", item}};
        if (several_) line.emplace("pipeline_instance", pipeline_instance_);
        out_ << to_json(line, JsonForm::plain) << "\n";
    }
}

void write_jobs(const std::vector<const JobRow*>& rows, TableForm form, std::ostream& out) {
    using Align = TextTable::Align;
    TextTable text({{"job"},
                    {"worker"},
                    {"status"},
                    {"attempts", Align::right},
                    {"broker", Align::right},
                    {"duration", Align::right},
                    {"error", Align::left, kErrorWidth}});
    if (form == TableForm::csv) {
        write_csv_line({"pipeline", "pipeline_instance", "name", "instance", "worker", "status", "attempts", "broker",
                        "slot", "submitted", "started", "finished", "error"},
                       out);
    }
    for (const JobRow* row : rows) {
        const std::string status(job_status_name(row->status));
        if (form == TableForm::json) {
            out << to_json(as_document(*row), JsonForm::plain) << "\n";
        } else if (form == TableForm::csv) {
            write_csv_line(
                {row->pipeline, row->pipeline_instance, row->name, row->instance, row->worker, status,
                 std::to_string(row->attempts), std::to_string(row->broker), std::to_string(row->slot),
                 number_text(row->submitted), number_text(row->started), number_text(row->finished), row->error},
                out);
        } else {
            const bool ran = row->status != JobStatus::skipped;
            text.add({printable(full_label(*row)), printable(row->worker), status, std::to_string(row->attempts),
                      ran ? std::to_string(row->broker) : "", ran ? duration_text(duration_s(*row)) : "",
                      printable(row->error)});
        }
    }
    if (form == TableForm::text) out << text.render();
}

}  // namespace penstock
