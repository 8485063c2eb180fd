// Columns of equal cells, put together from the columns of many files.
#pragma once

#include "store/source_pool.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace penstock {

// A row of some table. A source may have several tables: kTablesPerSource numbers are set aside for each.
struct SourceRow {
    static constexpr std::uint32_t kTablesPerSource = 2;
    static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();  // the cell is 0

    std::uint32_t table = kNowhere;
    std::uint32_t row = 0;
};

struct GatheredColumn {
    const FixedColumn& column;
    std::uint64_t rows = 0;
    std::function<SourceRow(std::uint64_t row)> row_of;
    std::function<h5::DatasetReader(const Source& source, std::uint32_t table)> open;  // the column in that table
    std::function<void(const Buffer& cells)> also;  // sees the cells, some rows at a time, in order; may be null
};

// Writes the column. By windows, of each the rows of one table together.
void gather_column(hid_t table, SourcePool& sources, const GatheredColumn& gathered);

// Writes a column of `rows` numbers that are known.
template <class T, class ValueOf>
void write_numbers(hid_t table, const char* name, hid_t type, std::uint64_t rows, ValueOf value_of) {
    h5::DatasetWriter writer(table, name, {type, sizeof(T), {}}, rows, h5::kResultsChunkBytes);
    const std::uint64_t window_rows = writer.chunk_rows() * 8;
    Buffer window;
    for (std::uint64_t first = 0; first < rows; first += window_rows) {
        const std::uint64_t count = std::min<std::uint64_t>(window_rows, rows - first);
        window.resize(count * sizeof(T));
        T* to = window.as<T>().data();
        for (std::uint64_t i = 0; i < count; ++i) to[i] = static_cast<T>(value_of(first + i));
        writer.write(window);
    }
    writer.finish();
}

}  // namespace penstock
