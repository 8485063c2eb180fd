// `constant`: makes the keys and values of its parameter `values`, a map. With placeholders it also renames or combines
// keys: `values: {path: "{folder}/{name}"}`.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

class Constant : public Worker {
public:
    static constexpr std::string_view kName = "constant";
    static Keys makes(const Document& with);
    static std::vector<std::string> check(const Document& with);
    Document process(const Document&, Context& context) override;
};

}  // namespace penstock
