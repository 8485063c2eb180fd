// A store of one's own for whole numbers, `--store text:FOLDER`: each value is a file of its own. A key that nothing
// else gives is read from the file FOLDER/KEY.
#pragma once

#include <penstock/store.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

class TextStore : public penstock::Store {
public:
    static constexpr std::string_view kName = "text";
    explicit TextStore(const std::string& folder) : folder_(folder) { std::filesystem::create_directories(folder_); }

    penstock::Document retrieve(const penstock::Scope& scope, const std::vector<std::string>& keys) override {
        penstock::Document found;
        for (const std::string& key : keys) {
            std::ifstream file(scope.job.empty() ? folder_ / key : file_of(scope, key));
            if (std::int64_t number = 0; file >> number) found[key] = number;
        }
        return found;
    }

    void save(const penstock::Scope& scope, std::string_view, const penstock::Document& document) override {
        for (const auto& [key, value] : document) {
            std::ofstream file(file_of(scope, key));
            if (!(file << value.int64() << "\n" << std::flush))
                throw std::runtime_error("cannot write " + folder_.string());
        }
    }

    void flush() override {}  // a store that should survive a power cut would sync its files here

private:
    std::filesystem::path file_of(const penstock::Scope& scope, const std::string& key) const {
        const std::string pipeline = scope.pipeline + "[" + scope.pipeline_instance + "]";
        return folder_ / (pipeline + "." + scope.job + "[" + scope.instance + "]." + key);
    }

    std::filesystem::path folder_;
};
