#include "language/load.hpp"

#include "language/outside_keys.hpp"
#include "language/plan_builder.hpp"
#include "language/reader.hpp"

#include <deque>
#include <map>

namespace penstock {

namespace {

class Loader {
public:
    Loader(const WorkerTypes& types, const LoadOptions& options)
        : types_(types), options_(options), diagnostics_(options.limits.diagnostics) {
        outside_ = read_outside_keys(options, sources_, arenas_.emplace_back(), diagnostics_);
    }

    void load_file(const std::filesystem::path& file) {
        std::string text, problem;
        if (!read_file(file, options_.limits.file_bytes, text, problem)) {
            const SourceText& source = sources_.add(file.string(), "");
            diagnostics_.error(source, {}, "the file " + problem);
            return;
        }
        std::error_code error;
        const std::filesystem::path absolute = std::filesystem::absolute(file, error);
        load(sources_.add(file.string(), std::move(text)), absolute.parent_path().lexically_normal());
    }

    void load_text(const std::string& text, const std::string& name, const std::filesystem::path& directory) {
        load(sources_.add(name, text), directory);
    }

    Loaded take() {
        Loaded loaded;
        loaded.plans = std::move(plans_);
        loaded.diagnostics = diagnostics_.take();
        return loaded;
    }

private:
    struct Named {
        const Node* root;
        const SourceText* source;
        Place place;
        std::filesystem::path directory;
    };

    void load(const SourceText& source, const std::filesystem::path& directory) {
        const std::uint64_t errors_before = diagnostics_.errors();
        const std::vector<SourceDocument> documents =
            read_documents(source, arenas_.emplace_back(), options_.limits, diagnostics_);
        if (documents.empty() && diagnostics_.errors() == errors_before)
            diagnostics_.error(source, {}, "the file has no definition in it", "it is empty",
                               "begin with `penstock: 1`");
        for (const SourceDocument& document : documents) {
            if (!document.root->is(Node::Kind::list))
                load_definition(source, *document.root, document.text, directory);
            else
                load_list(source, document, directory);
        }
    }

    // JSON has no documents: a file holds a list of definitions instead.
    void load_list(const SourceText& source, const SourceDocument& document, const std::filesystem::path& directory) {
        const Node& list = *document.root;
        if (!is_json(document.text) || list.size == 0) {
            diagnostics_.error(source, list.place, "a definition is a list",
                               "only JSON files hold lists of definitions", "in YAML write `---` between them");
            return;
        }
        for (std::uint32_t i = 0; i < list.size; ++i) {
            const std::size_t begin = list.items[i]->place.offset;
            const std::size_t next = i + 1 < list.size ? list.items[i + 1]->place.offset : source.text().rfind(']');
            std::string_view text = source.text().substr(begin, next - begin);
            const std::size_t last = text.find_last_not_of(" \t\r\n,");
            load_definition(source, *list.items[i], text.substr(0, last + 1), directory);
        }
    }

    void load_definition(const SourceText& source, const Node& root, std::string_view text,
                         const std::filesystem::path& directory) {
        const std::uint64_t errors_before = diagnostics_.errors();
        const Reading reading(source, options_.limits, diagnostics_);
        Definition definition;
        const bool complete = read_definition(reading, root, text, definition);
        if (!definition.name.empty() && known_name(reading, definition, directory)) return;
        if (!complete) return;
        std::shared_ptr<const Plan> plan = build_plan(reading, definition, types_, outside_, directory, sources_);
        if (plan && diagnostics_.errors() == errors_before) plans_.push_back(std::move(plan));
    }

    // True when the definition is there already. Another one of that name is an error.
    bool known_name(const Reading& reading, const Definition& definition, const std::filesystem::path& directory) {
        const Named own{definition.root, definition.source, definition.name_place, directory};
        const auto [found, added] = names_.emplace(definition.name, own);
        if (added) return false;
        const Named& first = found->second;
        const bool same = same_content(*first.root, *definition.root);
        if (same && first.directory == directory) return true;
        std::string where = first.source->name();
        const LineAndColumn at = first.source->position(first.place);
        if (at.line > 0) where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
        reading.error(
            definition.name_place, "two pipelines are called " + quote(definition.name),
            same ? "they read the same, but their relative paths begin in different folders; the other is at " + where
                 : "the other is at " + where,
            "rename one of them");
        return false;
    }

    const WorkerTypes& types_;
    const LoadOptions& options_;
    Diagnostics diagnostics_;
    Sources sources_;
    std::deque<Arena> arenas_;
    OutsideKeys outside_;
    std::map<std::string, Named, std::less<>> names_;
    std::vector<std::shared_ptr<const Plan>> plans_;
};

}  // namespace

bool Loaded::ok() const {
    for (const Diagnostic& diagnostic : diagnostics)
        if (diagnostic.severity == Diagnostic::Severity::error) return false;
    return true;
}

Loaded load_files(const std::vector<std::filesystem::path>& files, const WorkerTypes& types,
                  const LoadOptions& options) {
    Loader loader(types, options);
    for (const std::filesystem::path& file : files) loader.load_file(file);
    return loader.take();
}

Loaded load_text(const std::string& text, const std::string& name, const std::filesystem::path& directory,
                 const WorkerTypes& types, const LoadOptions& options) {
    Loader loader(types, options);
    loader.load_text(text, name, directory);
    return loader.take();
}

}  // namespace penstock
