#include "store/stored_values.hpp"

#include "store/labels.hpp"
#include "store/source.hpp"

#include <algorithm>
#include <list>
#include <map>

namespace penstock {

namespace {

class FileValues final : public StoredValues {
public:
    std::optional<Value> read(const std::filesystem::path& path, std::uint32_t row, const std::string& key) override {
        try {
            File& file = open(path);
            Table& table = table_of(file, row);
            if (table.reader == nullptr) return std::nullopt;
            ColumnReader* const column = column_of(table, key);
            if (column == nullptr) return std::nullopt;
            const std::uint64_t at = row_in(table.reader->jobs(), row, table.hint);
            if (at == table.reader->rows() || column->type(at) == kAbsent) return std::nullopt;
            return column->at(at);
        } catch (const std::exception& e) {
            std::erase_if(files_, [&](const File& file) { return file.path == path; });
            throw StoreError(path.string() + ": " + e.what());
        }
    }

private:
    struct Table {
        std::unique_ptr<ResultTableReader> reader;                     // null: the file has no values of this job
        std::map<std::string, std::unique_ptr<ColumnReader>> columns;  // null: no such column
        std::uint64_t hint = 0;
    };
    struct File {
        std::filesystem::path path;
        std::unique_ptr<Source> source;
        std::vector<Source::Pipeline> pipelines;
        std::vector<Source::Template> templates;
        std::unique_ptr<h5::DatasetReader> template_of;
        std::map<std::uint32_t, Table> tables;  // by row of `templates`
    };

    File& open(const std::filesystem::path& path) {
        const auto known =
            std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.path == path; });
        if (known != files_.end()) {
            files_.splice(files_.begin(), files_, known);
            return files_.front();
        }
        File file;
        file.path = path;
        file.source = std::make_unique<Source>(path);
        file.pipelines = file.source->pipelines();
        file.templates = file.source->templates();
        file.template_of =
            std::make_unique<h5::DatasetReader>(file.source->job_column(column(JobColumn::job_template)));
        files_.push_front(std::move(file));
        if (files_.size() > kMostFiles) files_.pop_back();
        return files_.front();
    }

    static Table& table_of(File& file, std::uint32_t row) {
        if (row >= file.source->jobs())
            throw StoreError("it has fewer jobs than it had: it was replaced by another one");
        std::uint32_t template_row = 0;
        file.template_of->read(row, 1, reinterpret_cast<std::byte*>(&template_row));
        const auto [at, added] = file.tables.try_emplace(template_row);
        if (added) {
            const Source::Template& t = file.templates.at(template_row);
            at->second.reader = file.source->table(template_row, t.name, file.pipelines.at(t.pipeline).name);
        }
        return at->second;
    }

    static ColumnReader* column_of(Table& table, const std::string& key) {
        const auto [at, added] = table.columns.try_emplace(key);
        if (added) {
            at->second = table.reader->output(key);
            if (at->second == nullptr) at->second = table.reader->parameter(key);
        }
        return at->second.get();
    }

    std::list<File> files_;  // the one used last in front
};

}  // namespace

std::unique_ptr<StoredValues> StoredValues::make() { return std::make_unique<FileValues>(); }

}  // namespace penstock
