// --store NAME[:SPEC]: which Store keeps the values.
#pragma once

#include <penstock/application.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

struct StoreChoice {
    std::string text;            // "" = the results file; else as typed: what RunRequest::store carries
    bool of_program = false;     // a store of the program's own: it may have keys nobody makes
    std::string json_directory;  // of json:DIR
};

// `typed` or, when that is empty, `fallback`. Throws std::invalid_argument for a store there is not.
StoreChoice choose_store(const std::string& typed, const std::string& fallback, const std::vector<NamedStore>& stores);

// What makes the chosen store at one rank, for RunRequest::make_store.
std::function<std::unique_ptr<Store>(const std::string&)> store_maker(std::vector<NamedStore> stores,
                                                                      std::uint32_t rank);

}  // namespace penstock
