// Texts of errors of jobs and attempts, whichever way a file has them.
#pragma once

#include "store/source_pool.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

namespace penstock {

class ErrorTexts {
public:
    using OpenCodes = std::function<h5::DatasetReader(const Source&)>;
    using OpenTexts = std::function<std::unique_ptr<VariableCells>(const Source&)>;
    static ErrorTexts of_jobs(SourcePool& sources) {
        return {sources, [](const Source& s) { return s.job_column(column(JobColumn::error)); },
                [](const Source& s) { return s.job_texts("error"); }};
    }
    static ErrorTexts of_attempts(SourcePool& sources) {
        return {sources, [](const Source& s) { return s.attempt_column(column(AttemptColumn::error)); },
                [](const Source& s) { return s.attempt_texts("error"); }};
    }

    // Valid until the next call.
    std::string_view of(std::uint32_t source, std::uint32_t row) {
        return sources_.reading(source, [&]() -> std::string_view {
            Reader& reader = reader_of(source);
            if (!reader.codes) return reader.texts->text(row);
            std::uint32_t code = 0;
            reader.codes->read(row, 1, reinterpret_cast<std::byte*>(&code));
            return code == 0 ? std::string_view() : reader.texts->text(code);
        });
    }

private:
    ErrorTexts(SourcePool& sources, OpenCodes codes, OpenTexts texts)
        : sources_(sources), open_codes_(std::move(codes)), open_texts_(std::move(texts)) {}

    struct Reader {
        std::optional<h5::DatasetReader> codes;  // segments: rows of texts
        std::unique_ptr<VariableCells> texts;
    };
    Reader& reader_of(std::uint32_t source) {
        const auto found = readers_.find(source);
        if (found != readers_.end()) return found->second;
        if (readers_.size() == SourcePool::kMostOpen) readers_.clear();
        const auto opened = sources_.open(source);
        Reader& reader = readers_[source];
        if (opened->is_segment()) {
            reader.codes.emplace(open_codes_(*opened));
            reader.texts = opened->errors();
        } else {
            reader.texts = open_texts_(*opened);
        }
        return reader;
    }

    SourcePool& sources_;
    OpenCodes open_codes_;
    OpenTexts open_texts_;
    std::map<std::uint32_t, Reader> readers_;
};

}  // namespace penstock
