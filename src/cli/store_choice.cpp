#include "cli/store_choice.hpp"

#include "language/diagnostic.hpp"
#include "report/text.hpp"
#include "store/json_store.hpp"

#include <algorithm>
#include <stdexcept>

namespace penstock {

namespace {

constexpr const char* kHdf5 = "hdf5";
constexpr const char* kJson = "json";

struct NameAndSpec {
    std::string name, spec;
};

NameAndSpec taken_apart(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return {text, ""};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

const NamedStore* find(const std::vector<NamedStore>& stores, const std::string& name) {
    const auto found = std::find_if(stores.begin(), stores.end(), [&](const NamedStore& s) { return s.name == name; });
    return found == stores.end() ? nullptr : &*found;
}

}  // namespace

StoreChoice choose_store(const std::string& typed, const std::string& fallback, const std::vector<NamedStore>& stores) {
    StoreChoice choice;
    choice.text = typed.empty() ? fallback : typed;
    const auto [name, spec] = taken_apart(choice.text);
    if (choice.text.empty() || (name == kHdf5 && !find(stores, name))) {
        choice.text.clear();
        return choice;
    }
    choice.of_program = find(stores, name) != nullptr;
    if (choice.of_program) return choice;
    if (name == kJson && !spec.empty()) {
        choice.json_directory = spec;
        return choice;
    }
    if (name == kJson) throw std::invalid_argument("--store json needs a directory: --store json:DIR");
    std::vector<std::string_view> names = {"hdf5", "json:DIR"};
    for (const NamedStore& store : stores) names.push_back(store.name);
    throw std::invalid_argument("--store: there is no store `" + printable(name) + "`; there are " + enumerate(names));
}

std::function<std::unique_ptr<Store>(const std::string&)> store_maker(std::vector<NamedStore> stores,
                                                                      std::uint32_t rank) {
    return [stores = std::move(stores), rank](const std::string& text) -> std::unique_ptr<Store> {
        const auto [name, spec] = taken_apart(text);
        if (const NamedStore* own = find(stores, name)) return own->make(spec);
        return make_json_store(spec, rank);
    };
}

}  // namespace penstock
