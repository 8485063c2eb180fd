#include "workers/records.hpp"

#include "value/value_json.hpp"
#include "workers/parameters.hpp"
#include "workers/text_lines.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace penstock {

namespace {

std::optional<std::string> file_of(Parameters& parameters) {
    return parameters.text("file", "the file to be read, one value of JSON in each line");
}

}  // namespace

std::vector<std::string> Records::check(const Document& with) {
    Parameters parameters(with, kName, {"file"});
    file_of(parameters);
    return std::move(parameters).problems();
}

void Records::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"file"});
    const auto file = file_of(parameters);
    parameters.throw_first();
    const std::filesystem::path path = context.definition_directory() / file.value();
    check_can_skip(path, skipped_);
    TextLines lines(path, context.worker(), context.workers());
    while (const auto line = lines.next()) {
        if (context.cancelled()) return;
        if (line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
        if (skipped_ != 0) {
            --skipped_;
            continue;
        }
        Value record;
        try {
            record = from_json(*line, JsonForm::plain);
        } catch (const ValueError& error) {
            throw std::runtime_error(fmt::format("{}: the line that begins at byte {} is no JSON: {}", path.string(),
                                                 lines.offset(), error.what()));
        }
        emit(std::move(record));
    }
}

}  // namespace penstock
