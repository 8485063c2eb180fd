#include "workers/lines.hpp"

#include "workers/parameters.hpp"
#include "workers/text_lines.hpp"

namespace penstock {

namespace {

std::optional<std::string> file_of(Parameters& parameters) {
    return parameters.text("file", "the text file to be read");
}

}  // namespace

std::vector<std::string> Lines::check(const Document& with) {
    Parameters parameters(with, kName, {"file"});
    file_of(parameters);
    return std::move(parameters).problems();
}

void Lines::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"file"});
    const auto file = file_of(parameters);
    parameters.throw_first();
    const std::filesystem::path path = context.definition_directory() / file.value();
    check_can_skip(path, skipped_);
    TextLines lines(path, context.worker(), context.workers());
    while (const auto line = lines.next()) {
        if (context.cancelled()) return;
        if (skipped_ != 0) {
            --skipped_;
            continue;
        }
        emit(*line);
    }
}

}  // namespace penstock
