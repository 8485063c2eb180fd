#include "exec/process_tree.hpp"

#include "exec/proc_file.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace penstock {

namespace {

// The whole numbers of a text with spaces between them.
template <class Number>
std::vector<Number> numbers_in(std::string_view text) {
    std::vector<Number> numbers;
    for (const char* at = text.data(); at != text.data() + text.size();) {
        Number number{};
        const auto [end, error] = std::from_chars(at, text.data() + text.size(), number);
        if (error == std::errc()) numbers.push_back(number);
        at = end == at ? at + 1 : end;
    }
    return numbers;
}

void add_children(pid_t of, std::vector<pid_t>& to) {
    for (const auto& task : proc_entries(fmt::format("/proc/{}/task", of)))
        for (const pid_t child : numbers_in<pid_t>(proc_text(task / "children"))) to.push_back(child);
}

std::uint64_t resident(pid_t process) {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto sizes = numbers_in<std::uint64_t>(proc_text(fmt::format("/proc/{}/statm", process)));
    return sizes.size() > 1 ? sizes[1] * page : 0;
}

// What is shared counts in parts. Nothing when the kernel does not tell.
std::uint64_t proportional(pid_t process) {
    const std::string text = proc_text(fmt::format("/proc/{}/smaps_rollup", process));
    const std::size_t at = text.find("\nPss:");
    if (at == std::string::npos) return 0;
    const auto kibibytes = numbers_in<std::uint64_t>(std::string_view(text).substr(at, text.find('\n', at + 1) - at));
    return kibibytes.empty() ? 0 : kibibytes.front() * 1024;
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
    double amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
    return fmt::format("{:.{}f} {}", amount, amount < 100 && unit > 0 ? 1 : 0, kUnits[unit]);
}

}  // namespace

std::vector<pid_t> process_tree(pid_t root) {
    std::vector<pid_t> tree;
    if (root <= 0 || ::kill(root, 0) != 0) return tree;
    tree.push_back(root);
    for (std::size_t i = 0; i < tree.size() && tree.size() < kMaxTree; ++i) add_children(tree[i], tree);
    return tree;
}

std::uint64_t resident_bytes(const std::vector<pid_t>& processes, std::uint64_t enough) {
    std::uint64_t sum = 0;
    for (const pid_t process : processes) sum += resident(process);
    if (sum <= enough || processes.size() < 2) return sum;
    std::uint64_t parts = 0;
    for (const pid_t process : processes) parts += proportional(process);
    return parts == 0 ? sum : std::min(sum, parts);
}

void kill_tree(pid_t root) {
    // Before anything of it ends: orphans cannot be found.
    for (const pid_t process : process_tree(root)) ::kill(process, SIGKILL);
}

std::string memory_text(std::uint64_t used, std::uint64_t limit) {
    return fmt::format("out of memory: used {} of {} (`memory`); give the job more of it, or let it use less",
                       bytes_text(used), bytes_text(limit));
}

std::string timeout_text(double timeout_s) {
    return fmt::format("ran longer than its timeout of {} s and was ended", timeout_s);
}

}  // namespace penstock
