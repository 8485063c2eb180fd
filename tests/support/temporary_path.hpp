// Paths for files of a test, which go when its program ends.
#pragma once

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace penstock::test {

// Nothing is there. Of one program the same name is the same path.
inline std::filesystem::path temporary_path(const std::string& name) {
    struct Paths {
        std::vector<std::filesystem::path> all;
        ~Paths() {
            std::error_code ignored;
            for (const auto& path : all) std::filesystem::remove_all(path, ignored);
        }
    };
    static Paths paths;
    const auto path =
        std::filesystem::path(testing::TempDir()) / ("penstock-test-" + std::to_string(::getpid()) + "-" + name);
    std::filesystem::remove_all(path);
    paths.all.push_back(path);
    return path;
}

}  // namespace penstock::test
