// `filter`: lets the items pass that are as it says, and drops the others. With `key`, of items that are maps, what
// they have under it (nothing there counts as null); else the items themselves. All of these that are given must hold:
// `equals` and `not` (any value; numbers by what they are worth), `at-least` and `at-most` (numbers; null never does),
// `matches` (an extended regular expression of POSIX that is found in a string; null never does).
#pragma once

#include <penstock/worker.hpp>

#include <memory>
#include <optional>

namespace penstock {

class Pattern;

class Filter : public MapWorker {
public:
    static constexpr std::string_view kName = "filter";
    static std::vector<std::string> check(const Document& with);
    Filter();
    ~Filter() override;
    void start(Context& context) override;
    std::optional<Value> on_item(const Value& item, Context&) override;

private:
    bool passes(const Value& value) const;

    std::optional<std::string> key_;
    std::optional<Value> equals_;
    std::optional<Value> not_;
    std::optional<double> at_least_;
    std::optional<double> at_most_;
    std::unique_ptr<Pattern> matches_;
};

}  // namespace penstock
