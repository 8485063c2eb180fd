#include "workers/to_files.hpp"

#include "value/value_json.hpp"
#include "workers/output_file.hpp"
#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace penstock {

namespace {

bool is_name_of_file(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
           name.find('\0') == std::string_view::npos;
}

struct Options {
    std::optional<std::string> directory;
    std::string suffix;
};

Options options_of(Parameters& parameters) {
    Options options;
    options.directory = parameters.text("directory", "the folder of the files");
    options.suffix = parameters.text("suffix", "the end of the names of files, such as \".txt\"", false).value_or("");
    if (options.suffix.find('/') != std::string::npos)
        parameters.problem(fmt::format("`suffix` is \"{}\"; it must not lead into another folder", options.suffix));
    return options;
}

// Of an item that says its own name; else null.
const Map* named(const Value& item) {
    if (!item.is(Value::Type::map)) return nullptr;
    return item.map().contains("name") && item.map().contains("content") ? &item.map() : nullptr;
}

void write_content(const std::filesystem::path& path, const Value& content) {
    OutputFile file(path);
    if (content.is(Value::Type::string)) {
        file.write(content.string());
    } else if (content.is(Value::Type::bytes)) {
        file.write({reinterpret_cast<const char*>(content.bytes().data()), content.bytes().size()});
    } else {
        file.write(to_json(content, JsonForm::plain));
        file.write("\n");
    }
    file.keep();
}

}  // namespace

std::vector<std::string> ToFiles::check(const Document& with) {
    Parameters parameters(with, kName, {"directory", "suffix"});
    options_of(parameters);
    return std::move(parameters).problems();
}

void ToFiles::start(Context& context) {
    Parameters parameters(context.parameters(), kName, {"directory", "suffix"});
    const Options options = options_of(parameters);
    parameters.throw_first();
    directory_ = context.definition_directory() / options.directory.value();
    suffix_ = options.suffix;
}

void ToFiles::on_item(const Value& item, Emit& emit, Context&) {
    const Map* own = named(item);
    const std::string name = own != nullptr ? at(*own, "name").string() : fmt::format("item-{:08}{}", next_, suffix_);
    if (!is_name_of_file(name))
        throw std::runtime_error(
            fmt::format("{} is no name for a file of `to-files`: it must not be empty, lead to "
                        "another folder, or have a zero byte",
                        to_json(Value(name), JsonForm::plain)));
    write_content(directory_ / name, own != nullptr ? at(*own, "content") : item);
    if (own == nullptr) ++next_;
    emit((directory_ / name).string());
}

}  // namespace penstock
