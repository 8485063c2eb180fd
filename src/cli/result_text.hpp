// Tables of jobs and of results, as text, CSV (RFC 4180) or JSON lines. Pure.
#pragma once

#include "cli/command_line.hpp"
#include "store/results.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace penstock {

// A value in a column of a text table: short; a large array as "float64[100,3]".
std::string cell_text(const Value& value);
// One field of CSV; quoted when it must be.
std::string csv_field(const std::string& text);

void write_table(const ResultTable& table, TableForm form, std::ostream& out);
// Items of streams, some at a time: one a line in every form.
class ItemTable {
public:
    // `several`: of more than one pipeline, each named in front of its items.
    ItemTable(TableForm form, bool several, std::ostream& out);
    void begin(const std::string& pipeline_instance);
    void add(const Value& item);

private:
    TableForm form_;
    bool several_;
    std::ostream& out_;
    std::string pipeline_instance_;
};
void write_jobs(const std::vector<const JobRow*>& rows, TableForm form, std::ostream& out);

}  // namespace penstock
