#include "blocks.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace compress {

using penstock::Bytes;
using penstock::Context;
using penstock::Document;
using penstock::Emit;
using penstock::Map;
using penstock::Value;

namespace {

constexpr std::int64_t kBlock_bytes = 900'000;           // what bzip2 -9 sorts at once
constexpr std::int64_t kLargestBlock_bytes = 256 << 20;  // an item is in memory, in each worker at once

std::filesystem::path path_of(const Context& context) {
    return context.definition_directory() / at(context.parameters(), "file").string();  // an absolute one stays
}

std::runtime_error error_of(const std::string& doing, const std::filesystem::path& path) {
    return std::runtime_error("cannot " + doing + " " + path.string() + ": " + std::strerror(errno));
}

std::vector<std::string> check_file(std::string_view type, const Document& with,
                                    const std::vector<std::string_view>& others) {
    std::vector<std::string> problems;
    const auto file = with.find("file");
    if (file == with.end() || !file->second.is(Value::Type::string) || file->second.string().empty())
        problems.push_back(std::string(type) + " needs the parameter `file`, the path of a file");
    for (const auto& [name, value] : with)
        if (name != "file" && std::find(others.begin(), others.end(), name) == others.end())
            problems.push_back(std::string(type) + " has no parameter `" + name + "`");
    return problems;
}

}  // namespace

std::vector<std::string> ReadBlocks::check(const Document& with) {
    auto problems = check_file(kName, with, {"block-size"});
    const auto size = with.find("block-size");
    if (size == with.end()) return problems;
    const bool is_placeholder = size->second.is(Value::Type::string);  // known when the stream begins
    if (!is_placeholder && (!size->second.is(Value::Type::int64) || size->second.int64() < 1 ||
                            size->second.int64() > kLargestBlock_bytes))
        problems.push_back("`block-size` of ReadBlocks is a number of bytes, 1 to " +
                           std::to_string(kLargestBlock_bytes));
    return problems;
}

void ReadBlocks::generate(Emit& emit, Context& context) {
    const auto& with = context.parameters();
    if (const auto problems = check(with); !problems.empty()) throw std::runtime_error(problems.front());
    const auto path = path_of(context);
    const std::int64_t block = with.contains("block-size") ? at(with, "block-size").int64() : kBlock_bytes;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));  // throws if it is no regular file
    std::ifstream in(path, std::ios::binary);
    if (!in) throw error_of("open", path);

    const std::int64_t blocks = std::max<std::int64_t>(1, size / block + (size % block != 0));
    const std::int64_t begin = blocks * context.worker() / context.workers();
    const std::int64_t end = blocks * (context.worker() + 1) / context.workers();
    in.seekg(begin * block);
    for (std::int64_t i = begin; i < end && !context.cancelled(); ++i) {
        Bytes bytes(static_cast<std::size_t>(std::min(block, size - i * block)));
        in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        if (in.bad()) throw error_of("read", path);
        if (in.gcount() != static_cast<std::streamsize>(bytes.size()))
            throw std::runtime_error(path.string() +
                                     " has become shorter while it was read: compress a file that stays");
        emit(std::move(bytes));
    }
    if (end == blocks && !context.cancelled() && in.peek() != std::ifstream::traits_type::eof())
        throw std::runtime_error(path.string() + " has become longer while it was read: compress a file that stays");
}

std::vector<std::string> WriteBlocks::check(const Document& with) { return check_file(kName, with, {}); }

void WriteBlocks::start(Context& context) {
    path_ = path_of(context);
    part_ = path_;
    part_ += ".part";
    out_.open(part_, std::ios::binary | std::ios::trunc);
    if (out_) return;
    const auto error = error_of("write", part_);
    part_.clear();
    throw error;
}

WriteBlocks::~WriteBlocks() {
    std::error_code ignored;
    if (!part_.empty()) std::filesystem::remove(part_, ignored);
}

void WriteBlocks::on_item(const Value& item, Context&) {
    const Bytes& packed = at(item.map(), "packed").bytes();
    out_.write(reinterpret_cast<const char*>(packed.data()), static_cast<std::streamsize>(packed.size()));
    if (!out_) fail();
    bytes_in_ += at(item.map(), "size").int64();
    bytes_out_ += static_cast<std::int64_t>(packed.size());
}

void WriteBlocks::finish(Emit& emit, Context&) {
    out_.close();
    if (!out_) fail();
    std::filesystem::rename(part_, path_);
    part_.clear();
    emit(Map{{"bytes-in", bytes_in_}, {"bytes-out", bytes_out_}});
}

void WriteBlocks::fail() const { throw error_of("write", part_); }

}  // namespace compress
