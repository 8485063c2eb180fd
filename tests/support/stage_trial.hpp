// Stage workers by themselves: what they make of items.
#pragma once

#include "support/fake_context.hpp"
#include "support/print_value.hpp"

#include <penstock/running_fold.hpp>
#include <penstock/worker.hpp>

#include <stdlib.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::test {

class Emitted final : public Emit {
public:
    void operator()(Value item) override { items.push_back(std::move(item)); }
    List items;
};

// All that worker `worker` of `workers` makes.
template <class Source>
List made_by(FakeContext& context, std::uint32_t worker = 0, std::uint32_t workers = 1) {
    context.which_worker = worker;
    context.how_many_workers = workers;
    Emitted emitted;
    Source source;
    static_cast<SourceWorker&>(source).start(context);
    source.generate(emitted, context);
    return emitted.items;
}

// The parts of all workers one after another, and how long each was.
template <class Source>
List made_in_parts(FakeContext& context, std::uint32_t workers, std::vector<std::size_t>* sizes = nullptr) {
    List all;
    for (std::uint32_t i = 0; i < workers; ++i) {
        const List part = made_by<Source>(context, i, workers);
        if (sizes != nullptr) sizes->push_back(part.size());
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

template <class Stage>
List passed_through(FakeContext& context, const List& items) {
    Emitted emitted;
    Stage stage;
    static_cast<StageWorker&>(stage).start(context);
    for (const Value& item : items) {
        if constexpr (stage_form<Stage>() == StageForm::map) {
            if (auto result = stage.on_item(item, context)) emitted(std::move(*result));
        } else if constexpr (stage_form<Stage>() == StageForm::generator ||
                             std::derived_from<Stage, RunningFoldWorker>) {
            stage.on_item(item, emitted, context);
        } else {
            stage.on_item(item, context);
        }
    }
    if constexpr (stage_form<Stage>() == StageForm::fold) stage.finish(emitted, context);
    return emitted.items;
}

// A folder of the test's own.
class Folder {
public:
    Folder() : path_((std::filesystem::temp_directory_path() / "penstock-stages.XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;

    std::filesystem::path path() const { return path_; }
    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path() / name, std::ios::binary) << text;
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path() / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }

private:
    std::string path_;
};

}  // namespace penstock::test
