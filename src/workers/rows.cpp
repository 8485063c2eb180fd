#include "workers/rows.hpp"

#include "store/row_reader.hpp"
#include "workers/parameters.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace penstock {

namespace {

std::optional<std::string> file_of(Parameters& parameters) {
    return parameters.text("file", "the HDF5 file to be read");
}
std::optional<std::string> dataset_of(Parameters& parameters) {
    return parameters.text("dataset", "the path of the dataset in the file, like /jobs/energy");
}

}  // namespace

std::vector<std::string> Rows::check(const Document& with) {
    Parameters parameters(with, kName, {"file", "dataset"});
    file_of(parameters);
    dataset_of(parameters);
    return std::move(parameters).problems();
}

void Rows::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"file", "dataset"});
    const auto file = file_of(parameters), dataset = dataset_of(parameters);
    parameters.throw_first();
    RowReader reader(context.definition_directory() / file.value(), dataset.value());
    const std::uint64_t end = reader.begin_of(context.worker() + 1, context.workers());
    std::uint64_t row = reader.begin_of(context.worker(), context.workers());
    row += std::min(skipped_, end - row);
    while (row < end) {
        List block = reader.read(row, end);
        row += block.size();
        for (Value& item : block) {
            if (context.cancelled()) return;
            emit(std::move(item));
        }
    }
}

}  // namespace penstock
