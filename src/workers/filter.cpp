#include "workers/filter.hpp"

#include "value/value_json.hpp"
#include "workers/parameters.hpp"

#include <fmt/format.h>
#include <regex.h>

#include <array>
#include <stdexcept>

namespace penstock {

// A compiled regular expression. Not std::regex, which runs out of stack on long texts.
class Pattern {
public:
    explicit Pattern(const std::string& text) {
        const int error = ::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB);
        if (error == 0) return;
        std::array<char, 256> why{};
        ::regerror(error, &compiled_, why.data(), why.size());
        throw std::invalid_argument(fmt::format("`matches` is {}, which is no extended regular expression: {}",
                                                to_json(Value(text), JsonForm::plain), why.data()));
    }
    Pattern(const Pattern&) = delete;
    ~Pattern() { ::regfree(&compiled_); }

    bool is_in(const std::string& text) const {
        regmatch_t where{0, static_cast<regoff_t>(text.size())};
        return ::regexec(&compiled_, text.data(), 1, &where, REG_STARTEND) == 0;
    }

private:
    regex_t compiled_{};
};

namespace {

const std::vector<std::string> kKnown{"key", "equals", "not", "at-least", "at-most", "matches"};

std::optional<double> bound_of(const Document& with, std::string_view name, Parameters& parameters) {
    const auto found = with.find(name);
    if (found == with.end() || is_open(found->second)) return std::nullopt;
    if (found->second.is_number()) return found->second.number();
    parameters.problem(fmt::format("`{}` is {}; it must be a number", name, to_json(found->second, JsonForm::plain)));
    return std::nullopt;
}

std::unique_ptr<Pattern> pattern_of(Parameters& parameters) {
    const auto text = parameters.text("matches", "a regular expression", false);
    if (!text) return nullptr;
    try {
        return std::make_unique<Pattern>(*text);
    } catch (const std::invalid_argument& error) {
        parameters.problem(error.what());
        return nullptr;
    }
}

void check_conditions(const Document& with, Parameters& parameters) {
    for (std::size_t i = 1; i < kKnown.size(); ++i)
        if (with.contains(kKnown[i])) return;
    parameters.problem("`filter` needs to be told what may pass: equals, not, at-least, at-most or matches");
}

bool same(const Value& a, const Value& b) {
    if (a == b) return true;
    return a.is_number() && b.is_number() && a.type() != b.type() && a.number() == b.number();
}

double number_of(const Value& value) {
    if (value.is_number()) return value.number();
    throw ValueError(
        fmt::format("`at-least` and `at-most` of `filter` are for numbers, and this is {}", value.type_name()));
}

}  // namespace

std::vector<std::string> Filter::check(const Document& with) {
    Parameters parameters(with, kName, kKnown);
    parameters.text("key", "a key of the items", false);
    check_conditions(with, parameters);
    bound_of(with, "at-least", parameters);
    bound_of(with, "at-most", parameters);
    pattern_of(parameters);
    return std::move(parameters).problems();
}

Filter::Filter() = default;
Filter::~Filter() = default;

void Filter::start(Context& context) {
    const Document& with = context.parameters();
    Parameters parameters(with, kName, kKnown);
    key_ = parameters.text("key", "a key of the items", false);
    check_conditions(with, parameters);
    if (const auto found = with.find("equals"); found != with.end()) equals_ = found->second;
    if (const auto found = with.find("not"); found != with.end()) not_ = found->second;
    at_least_ = bound_of(with, "at-least", parameters);
    at_most_ = bound_of(with, "at-most", parameters);
    matches_ = pattern_of(parameters);
    parameters.throw_first();
}

std::optional<Value> Filter::on_item(const Value& item, Context&) {
    static const Value kNothing;
    const Value* value = &item;
    if (key_) {
        const auto found = item.map().find(*key_);
        value = found != item.map().end() ? &found->second : &kNothing;
    }
    return passes(*value) ? std::optional(item) : std::nullopt;
}

bool Filter::passes(const Value& value) const {
    if (equals_ && !same(value, *equals_)) return false;
    if (not_ && same(value, *not_)) return false;
    if (value.is_null()) return !at_least_ && !at_most_ && matches_ == nullptr;
    // A NaN is neither.
    if (at_least_ && !(number_of(value) >= *at_least_)) return false;
    if (at_most_ && !(number_of(value) <= *at_most_)) return false;
    return matches_ == nullptr || matches_->is_in(value.string());
}

}  // namespace penstock
