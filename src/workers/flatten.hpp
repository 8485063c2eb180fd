// `flatten`: makes an item of each member of a list, and of each element of an array; lists within lists stay.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Flatten : public GeneratorWorker {
public:
    static constexpr std::string_view kName = "flatten";
    static constexpr bool kRepeatable = true;
    static std::vector<std::string> check(const Document& with);
    void on_item(const Value& item, Emit& emit, Context&) override;
};

}  // namespace penstock
