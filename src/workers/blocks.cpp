#include "workers/blocks.hpp"

#include "exec/spawn_descriptor.hpp"
#include "value/quantity.hpp"
#include "workers/parameters.hpp"
#include "workers/text_lines.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <stdexcept>

namespace penstock {

namespace {

constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();

struct Wanted {
    std::string file;
    std::uint64_t size = 0;
};

std::optional<std::uint64_t> size_of(const Value& size) {
    if (size.is(Value::Type::string)) return parse_bytes(size.string());
    if (size.is(Value::Type::int64) && size.int64() >= 0) return static_cast<std::uint64_t>(size.int64());
    return std::nullopt;
}

Wanted wanted_of(const Document& with, Parameters& parameters) {
    Wanted wanted;
    wanted.file = parameters.text("file", "the file to be read").value_or("");
    const auto size = with.find("size");
    if (size == with.end())
        parameters.problem("`blocks` needs the parameter `size`: the length of a block, like \"1 MiB\"");
    else if (!is_open(size->second)) {
        wanted.size = size_of(size->second).value_or(0);
        if (wanted.size == 0 || wanted.size > Blocks::kMostBytes)
            parameters.problem(fmt::format("`size` of `blocks` must be {}, from 1 byte to 1 GiB", kBytesForm));
    }
    return wanted;
}

// Blocks of a file, from one to before another.
class BlockFile {
public:
    explicit BlockFile(std::filesystem::path path)
        : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (!file_) fail("open");
        struct stat status {};
        if (::fstat(file_.get(), &status) != 0) fail("read");
        regular_ = S_ISREG(status.st_mode);
        size_ = regular_ ? static_cast<std::uint64_t>(status.st_size) : kNoEnd;
    }

    bool is_regular() const { return regular_; }
    std::uint64_t size() const { return size_; }
    void seek(std::uint64_t offset) {
        if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) fail("read");
    }
    // Fewer at the end of the file only.
    Bytes read(std::uint64_t count) {
        Bytes block(count);
        std::size_t have = 0;
        while (have < block.size()) {
            const ssize_t n = ::read(file_.get(), block.data() + have, block.size() - have);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail("read");
            if (n == 0) break;
            have += static_cast<std::size_t>(n);
        }
        block.resize(have);
        return block;
    }
    [[noreturn]] void changed() const {
        throw std::runtime_error(fmt::format(
            "{} has become shorter or longer while several workers read it: read a file that stays, or by one worker",
            path_.string()));
    }
    [[noreturn]] void in_parts(std::uint32_t parts) const {
        throw std::runtime_error(
            fmt::format("{} is no regular file, so it cannot be read in {} parts; give the stage one worker",
                        path_.string(), parts));
    }

private:
    [[noreturn]] void fail(std::string_view doing) const {
        throw std::runtime_error(fmt::format("cannot {} {}: {}", doing, path_.string(), std::strerror(errno)));
    }

    std::filesystem::path path_;
    FileDescriptor file_;
    bool regular_ = false;
    std::uint64_t size_ = 0;
};

void read_all(BlockFile& file, std::uint64_t size, Emit& emit, const Context& context) {
    while (!context.cancelled()) {
        Bytes block = file.read(size);
        const bool last = block.size() < size;
        if (!block.empty()) emit(std::move(block));
        if (last) return;
    }
}

void read_part(BlockFile& file, std::uint64_t size, std::uint64_t skipped, Emit& emit, const Context& context) {
    const std::uint64_t blocks = file.size() / size + (file.size() % size != 0 ? 1 : 0);
    const auto bound = [&](std::uint64_t part) {
        return static_cast<std::uint64_t>(static_cast<__uint128_t>(blocks) * part / context.workers());
    };
    const std::uint64_t end = bound(context.worker() + std::uint64_t{1});
    std::uint64_t at = bound(context.worker());
    at += std::min(skipped, end - at);
    file.seek(at * size);
    for (; at < end; ++at) {
        if (context.cancelled()) return;
        Bytes block = file.read(size);
        if (block.size() != std::min(size, file.size() - at * size)) file.changed();
        emit(std::move(block));
    }
    if (context.worker() + 1 == context.workers() && !file.read(1).empty()) file.changed();
}

}  // namespace

std::vector<std::string> Blocks::check(const Document& with) {
    Parameters parameters(with, kName, {"file", "size"});
    wanted_of(with, parameters);
    return std::move(parameters).problems();
}

void Blocks::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"file", "size"});
    const Wanted wanted = wanted_of(context.parameters(), parameters);
    parameters.throw_first();
    if (wanted.size == 0) throw std::invalid_argument("`size` of `blocks` has a placeholder that was not filled in");
    const std::filesystem::path path = context.definition_directory() / wanted.file;
    check_can_skip(path, skipped_);
    BlockFile file(path);
    if (context.workers() > 1) {
        if (!file.is_regular()) file.in_parts(context.workers());
        return read_part(file, wanted.size, skipped_, emit, context);
    }
    if (skipped_ != 0) file.seek(skipped_ * wanted.size);
    read_all(file, wanted.size, emit, context);
}

}  // namespace penstock
