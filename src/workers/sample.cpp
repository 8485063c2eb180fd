#include "workers/sample.hpp"

#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace penstock {

namespace {

constexpr std::string_view kName = "sample";
constexpr std::int64_t kMost = 1'000'000;

std::vector<std::string> check_sample(const Document& with) {
    Parameters parameters(with, kName, {"limit", "until", "keep-latest"});
    for (const auto& [name, value] : with)
        if (is_open(value))
            parameters.problem(
                fmt::format("`{}` has a placeholder; what `sample` counts is known before "
                            "the stream begins",
                            name));
    const auto limit = parameters.integer("limit", "how many of its items may be on their way behind it");
    if (limit && (*limit < 1 || *limit > kMost))
        parameters.problem(fmt::format("`limit` is {}; it must be 1 to {}", *limit, kMost));
    parameters.text("until", "the name of the stage that its branch ends with", false);
    parameters.flag("keep-latest");
    return std::move(parameters).problems();
}

class Nothing final : public MapWorker {
    std::optional<Value> on_item(const Value&, Context&) override {
        throw std::logic_error("`sample` has no worker process: the engine does it");
    }
};

}  // namespace

WorkerType sample_worker_type() {
    WorkerType type;
    type.name = kName;
    type.check = check_sample;
    type.form = StageForm::map;
    type.create_stage = [] { return std::make_unique<Nothing>(); };
    type.samples = true;
    return type;
}

}  // namespace penstock
