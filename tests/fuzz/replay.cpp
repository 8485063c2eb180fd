// Tries every file of the folders that are given, and then each of them with some bytes changed at random: what a build
// without libFuzzer can do. Usage: NAME_replay CHANGES FOLDER ...    The seed is printed; PENSTOCK_SEED plays it again.
#include "fuzz/fuzz.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

using Input = std::vector<std::uint8_t>;

Input read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool tried(const Input& input, const std::string& what) {
    try {
        penstock::fuzz(input);
        return true;
    } catch (const std::exception& e) {
        std::printf("%s: %s\n", what.c_str(), e.what());
        return false;
    }
}

Input changed(Input input, std::mt19937_64& random) {
    for (auto changes = 1 + random() % 4; changes != 0 && !input.empty(); --changes) {
        const std::size_t at = random() % input.size();
        switch (random() % 4) {
            case 0:
                input[at] = static_cast<std::uint8_t>(random());
                break;
            case 1:
                input[at] = static_cast<std::uint8_t>(input[at] ^ (1u << random() % 8));
                break;
            case 2:
                input.erase(input.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default:
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        }
    }
    return input;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const char* given = std::getenv("PENSTOCK_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("PENSTOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    std::mt19937_64 random(seed);
    const int changes = std::atoi(argv[1]);
    bool sound = true;
    int files = 0;
    for (int i = 2; i < argc; ++i)
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (!entry.is_regular_file()) continue;
            ++files;
            const Input input = read(entry.path());
            sound = tried(input, entry.path().string()) && sound;
            for (int c = 0; c < changes; ++c)
                sound = tried(changed(input, random), entry.path().string() + ", changed") && sound;
        }
    std::printf("%d files\n", files);
    return sound && files != 0 ? 0 : 1;
}
