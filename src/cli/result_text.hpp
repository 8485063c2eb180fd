// Tables of jobs and of results, as text, CSV (RFC 4180) or JSON lines. Pure.
#pragma once

#include "cli/command_line.hpp"
#include "store/results.hpp"

#include <iosfwd>
#include <string>

namespace penstock {

// A value in a column of a text table: short; a large array as "float64[100,3]".
std::string cell_text(const Value& value);
// One field of CSV; quoted when it must be.
std::string csv_field(const std::string& text);

void write_table(const ResultTable& table, TableForm form, std::ostream& out);
void write_jobs(const std::vector<const JobRow*>& rows, TableForm form, std::ostream& out);

}  // namespace penstock
