#include "title_workers.hpp"

#include "html.hpp"
#include "text_workers.hpp"

namespace titles {

using penstock::Context;
using penstock::Document;
using penstock::Emit;
using penstock::Value;

std::optional<Value> Fetch::on_item(const Value& url, Context& context) {
    return at(downloader_.process({{"url", url}}, context), "html");
}

std::optional<Value> Title::on_item(const Value& html, Context&) {
    if (auto title = web::title(html.string())) return Value(std::move(*title));
    return std::nullopt;
}

std::vector<std::string> MostCommon::check(const Document& with) {
    std::vector<std::string> problems;
    for (const auto& [name, value] : with) {
        const bool is_placeholder = value.is(Value::Type::string);  // known when the stream begins
        if (name != "top")
            problems.push_back("MostCommon has no parameter `" + name + "`: top is known");
        else if (!is_placeholder && (!value.is(Value::Type::int64) || value.int64() < 0))
            problems.push_back("`top` of MostCommon is how many words, 0 or more");
    }
    return problems;
}

void MostCommon::on_item(const Value& text, Context&) {
    for (const auto& word : web::words(text.string())) ++counts_[word];
}

void MostCommon::finish(Emit& emit, Context& context) {
    const auto top = context.parameters().find("top");
    for (auto& entry : web::most_frequent(counts_, top == context.parameters().end() ? 20 : top->second.int64()))
        emit(std::move(entry));
}

}  // namespace titles
