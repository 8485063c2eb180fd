#include "bzip2.hpp"

#include <bzlib.h>

#include <cstddef>
#include <limits>
#include <new>
#include <stdexcept>

namespace compress {

using penstock::Bytes;
using penstock::Context;
using penstock::Document;
using penstock::Map;
using penstock::Value;

std::vector<std::string> Bzip2::check(const Document& with) {
    std::vector<std::string> problems;
    for (const auto& [name, value] : with) {
        if (name != "level")
            problems.push_back("Bzip2 has no parameter `" + name + "`: level is known");
        else if (!value.is(Value::Type::int64) || value.int64() < 1 || value.int64() > 9)
            problems.push_back("`level` of Bzip2 is a number from 1 to 9");
    }
    return problems;
}

void Bzip2::start(Context& context) {
    const auto level = context.parameters().find("level");
    if (level != context.parameters().end()) level_ = static_cast<int>(level->second.int64());
}

std::optional<Value> Bzip2::on_item(const Value& item, Context&) {
    const Bytes& bytes = item.bytes();
    const std::size_t bound = bytes.size() + bytes.size() / 100 + 600;  // enough for any input, says libbz2's manual
    if (bound > std::numeric_limits<unsigned>::max())
        throw std::runtime_error("a block of " + std::to_string(bytes.size()) +
                                 " bytes is more than libbz2 takes at once: make `block-size` smaller");
    packed_.resize(bound);
    const std::size_t size = pack(bytes);
    Map result{{"size", bytes.size()}};
    result.emplace("packed", Bytes(packed_.begin(), packed_.begin() + static_cast<std::ptrdiff_t>(size)));
    return result;
}

std::size_t Bzip2::pack(const Bytes& bytes) {
    scratch_.release();
    bz_stream stream{};
    stream.opaque = &scratch_;
    stream.bzalloc = [](void* scratch, int count, int size) -> void* {
        try {
            const auto bytes = static_cast<std::size_t>(count) * static_cast<std::size_t>(size);
            return static_cast<std::pmr::monotonic_buffer_resource*>(scratch)->allocate(bytes);
        } catch (const std::bad_alloc&) {
            return nullptr;  // its callers are written in C
        }
    };
    stream.bzfree = [](void*, void*) {};  // all at once, by the next block
    // libbz2 does not write to its input; its interface is older than const.
    stream.next_in = reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<unsigned>(bytes.size());
    stream.next_out = reinterpret_cast<char*>(packed_.data());
    stream.avail_out = static_cast<unsigned>(packed_.size());

    int status = BZ2_bzCompressInit(&stream, level_, 0, 0);
    if (status == BZ_OK) {
        status = BZ2_bzCompress(&stream, BZ_FINISH);
        BZ2_bzCompressEnd(&stream);
    }
    if (status != BZ_STREAM_END)
        throw std::runtime_error("libbz2 cannot compress a block of " + std::to_string(bytes.size()) + " bytes: " +
                                 (status == BZ_MEM_ERROR ? "not enough memory" : "error " + std::to_string(status)));
    return packed_.size() - stream.avail_out;
}

}  // namespace compress
