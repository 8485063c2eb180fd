#include "store/gather.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace penstock {

namespace {

constexpr std::size_t kWindowBytes = 8u << 20;
constexpr std::size_t kMostReaders = 64;  // kept from window to window; each holds a chunk

class Gatherer {
public:
    Gatherer(SourcePool& sources, const GatheredColumn& gathered) : sources_(sources), gathered_(gathered) {}

    // The cells of rows[i] to the place i of `to`, which is all zeros.
    void gather(const std::vector<SourceRow>& rows, std::size_t cell_bytes, std::byte* to) {
        group_by_table(rows);
        for (std::size_t i = 0; i < order_.size();) {
            std::size_t end = i + 1;
            const std::uint32_t table = rows[order_[i]].table;
            while (end < order_.size() && rows[order_[end]].table == table) ++end;
            sources_.reading(table / SourceRow::kTablesPerSource,
                             [&] { copy(reader_of(table), rows, i, end, cell_bytes, to); });
            i = end;
        }
    }

private:
    void group_by_table(const std::vector<SourceRow>& rows) {
        order_.clear();
        bool sorted = true;
        for (std::uint32_t i = 0; i < rows.size(); ++i) {
            if (rows[i].table == SourceRow::kNowhere) continue;
            sorted = sorted && (order_.empty() || rows[order_.back()].table <= rows[i].table);
            order_.push_back(i);
        }
        if (sorted) return;
        std::vector<std::uint32_t> place(sources_.size() * SourceRow::kTablesPerSource + 1, 0);
        for (const std::uint32_t i : order_) ++place[rows[i].table + 1];
        for (std::size_t s = 1; s < place.size(); ++s) place[s] += place[s - 1];
        const std::vector<std::uint32_t> unsorted = order_;
        for (const std::uint32_t i : unsorted) order_[place[rows[i].table]++] = i;
    }

    h5::DatasetReader& reader_of(std::uint32_t table) {
        auto found = readers_.find(table);
        if (found == readers_.end()) {
            if (readers_.size() == kMostReaders) readers_.clear();
            found = readers_.emplace(table, gathered_.open(*sources_.open(table / SourceRow::kTablesPerSource), table))
                        .first;
        }
        return found->second;
    }

    void copy(h5::DatasetReader& reader, const std::vector<SourceRow>& rows, std::size_t begin, std::size_t end,
              std::size_t cell_bytes, std::byte* to) {
        h5::DatasetReader::Part part;
        for (std::size_t i = begin; i < end; ++i) {
            const std::uint32_t row = rows[order_[i]].row;
            if (row < part.first || row >= part.first + part.count) part = reader.part_with(row);
            const std::byte* cell = part.data + (row - part.first) * cell_bytes;
            std::byte* place = to + order_[i] * cell_bytes;
            switch (cell_bytes) {  // the sizes there are, each a single move
                case 1:
                    *place = *cell;
                    break;
                case 4:
                    std::memcpy(place, cell, 4);
                    break;
                default:
                    std::memcpy(place, cell, 8);
            }
        }
    }

    SourcePool& sources_;
    const GatheredColumn& gathered_;
    std::vector<std::uint32_t> order_;
    std::unordered_map<std::uint32_t, h5::DatasetReader> readers_;
};

}  // namespace

void gather_column(hid_t table, SourcePool& sources, const GatheredColumn& gathered) {
    const FixedColumn& column = gathered.column;
    const std::size_t cell_bytes = column.bytes();
    h5::DatasetWriter writer(table, column.name, {column.type(), cell_bytes, {}}, gathered.rows,
                             h5::kResultsChunkBytes);
    const std::uint64_t chunks = std::max<std::uint64_t>(1, kWindowBytes / (cell_bytes * writer.chunk_rows()));
    const std::uint64_t window_rows = chunks * writer.chunk_rows();
    Gatherer gatherer(sources, gathered);
    std::vector<SourceRow> from;
    Buffer window;
    for (std::uint64_t first = 0; first < gathered.rows; first += window_rows) {
        const std::uint64_t count = std::min<std::uint64_t>(window_rows, gathered.rows - first);
        from.resize(count);
        for (std::uint64_t i = 0; i < count; ++i) from[i] = gathered.row_of(first + i);
        window.clear();
        window.append_zeros(count * cell_bytes);
        gatherer.gather(from, cell_bytes, window.data());
        if (gathered.also) gathered.also(window);
        writer.write(window);
    }
    writer.finish();
}

}  // namespace penstock
