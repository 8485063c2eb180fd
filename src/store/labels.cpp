#include "store/labels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace penstock {

namespace {

constexpr std::size_t kMostReaders = 512;

void append_integer(std::string& out, std::int64_t number) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

std::uint64_t row_in(const Buffer& table_jobs, std::uint32_t job_row, std::uint64_t& hint) {
    const auto rows = table_jobs.as<std::uint32_t>();
    if (hint + 1 < rows.size() && rows[hint + 1] == job_row) return ++hint;
    if (hint < rows.size() && rows[hint] == job_row) return hint;
    const auto found = std::lower_bound(rows.begin(), rows.end(), job_row);
    if (found == rows.end() || *found != job_row) return rows.size();
    return hint = static_cast<std::uint64_t>(found - rows.begin());
}

// The labels of one template in one source.
class Labels::Reader {
public:
    Reader(std::shared_ptr<Source> source, const Catalog::Template& t, const Catalog::Template::Place& place,
           const std::string& pipeline)
        : source_(std::move(source)) {
        if (!source_->is_segment()) {
            texts_ = source_->job_texts("instance");
            return;
        }
        table_ = source_->table(place.row, t.name, pipeline);
        if (!table_) return;
        for (const std::string& name : t.parameters_at(place)) {
            auto reader = table_->parameter(name);
            if (!reader) throw StoreError("an instance lacks a parameter: the file is damaged");
            const bool plain = reader->layout() == Layout::int64 && reader->all_present();
            columns_.push_back({name, std::move(reader), plain});
        }
    }

    void label(const Catalog::Job& job, std::string& out) {
        out.clear();
        if (texts_) {
            out = texts_->text(job.row);
            return;
        }
        const std::uint64_t row = table_ ? row_in(table_->jobs(), job.row, hint_) : 0;
        if (!table_ || row == table_->rows()) {
            out = fmt::format("#{}", job.number);
            return;
        }
        for (Column& column : columns_) {
            if (!out.empty()) out += ',';
            if (column.plain) {
                out += column.name;
                out += '=';
                std::int64_t number = 0;
                std::memcpy(&number, column.reader->cell(row), sizeof number);
                append_integer(out, number);
            } else {
                out += label_of(Document{{column.name, column.reader->at(row)}});
            }
        }
    }

private:
    struct Column {
        std::string name;
        std::unique_ptr<ColumnReader> reader;
        bool plain = false;  // int64 in every row: the usual case, without a Value
    };
    std::shared_ptr<Source> source_;
    std::unique_ptr<VariableCells> texts_;
    std::unique_ptr<ResultTableReader> table_;
    std::vector<Column> columns_;
    std::uint64_t hint_ = 0;
};

Labels::Labels(SourcePool& sources, const Catalog& catalog) : sources_(sources), catalog_(catalog) {}

Labels::~Labels() = default;

Labels::Reader& Labels::reader_of(const Catalog::Job& job) {
    const std::uint64_t key = std::uint64_t{job.source} << 32 | job.job_template;
    if (key == last_key_) return *last_;
    auto found = readers_.find(key);
    if (found == readers_.end()) {
        if (readers_.size() == kMostReaders) readers_.clear();
        const Catalog::Template& t = catalog_.templates[job.job_template];
        const auto place =
            std::lower_bound(t.places.begin(), t.places.end(), job.source,
                             [](const Catalog::Template::Place& p, std::uint32_t source) { return p.source < source; });
        found =
            readers_
                .emplace(key, std::make_unique<Reader>(sources_.open(job.source), t, *place, catalog_.pipeline_name(t)))
                .first;
    }
    last_key_ = key;
    last_ = found->second.get();
    return *last_;
}

std::string_view Labels::of(const Catalog::Job& job) {
    const Catalog::Template& t = catalog_.templates[job.job_template];
    const auto others = [](const Catalog::Template::Place& p) { return p.parameters != nullptr; };
    if (t.parameters.empty() && std::none_of(t.places.begin(), t.places.end(), others)) return {};
    sources_.reading(job.source, [&] { reader_of(job).label(job, label_); });
    return label_;
}

}  // namespace penstock
