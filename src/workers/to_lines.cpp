#include "workers/to_lines.hpp"

#include "value/value_json.hpp"
#include "workers/parameters.hpp"

#include <utility>

namespace penstock {

namespace {

std::optional<std::string> file_of(Parameters& parameters) { return parameters.text("file", "the file to be written"); }

}  // namespace

std::vector<std::string> ToLines::check(const Document& with) {
    Parameters parameters(with, kName, {"file"});
    file_of(parameters);
    return std::move(parameters).problems();
}

void ToLines::start(Context& context) {
    Parameters parameters(context.parameters(), kName, {"file"});
    const auto file = file_of(parameters);
    parameters.throw_first();
    path_ = context.definition_directory() / file.value();
    file_ = std::make_unique<OutputFile>(path_);
}

void ToLines::on_item(const Value& item, Context&) {
    // Nobody goes on with what an earlier one has left: this one has begun anew.
    if (std::exchange(anew_, false)) file_->remove_what_others_left();
    const bool is_text = item.is(Value::Type::string);
    std::string line = is_text ? item.string() : to_json(item, JsonForm::plain);
    line += '\n';
    file_->write(line);
    ++items_;
}

void ToLines::finish(Emit& emit, Context&) {
    file_->keep();
    file_->remove_what_others_left();
    emit(items_);
}

Value ToLines::snapshot(Context&) {
    const OutputFile::Point point = file_->point();
    return Map{{"file", point.name},
               {"bytes", static_cast<std::int64_t>(point.bytes)},
               {"inode", static_cast<std::int64_t>(point.inode)},
               {"items", items_}};
}

void ToLines::restore(const Value& state, Context&) {
    anew_ = false;
    const Map& at_point = state.map();
    const auto number = [&](const char* key) { return static_cast<std::uint64_t>(at(at_point, key).int64()); };
    file_ = std::make_unique<OutputFile>(
        path_, OutputFile::Point{at(at_point, "file").string(), number("bytes"), number("inode")});
    items_ = at(at_point, "items").int64();
}

}  // namespace penstock
