#include "store/block_sums.hpp"

#include "store/store_error.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace penstock {

namespace {

constexpr std::string_view kMagic = "penstock-blocks1";
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kFooterBytes = 2 * kNumberBytes + kMagic.size();  // size of the content, sum, magic

std::uint64_t sum_of(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

void put(std::string& out, std::uint64_t number) {
    for (std::size_t i = 0; i < kNumberBytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t get(std::string_view text) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < kNumberBytes; ++i)
        number |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
    return number;
}

// Less than `size` only at the end of the file.
std::size_t read_all(int descriptor, std::uint64_t offset, void* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got =
            ::pread(descriptor, static_cast<char*>(to) + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw std::system_error(errno, std::generic_category());
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

std::uint64_t blocks_in(std::uint64_t bytes) { return (bytes + BlockSums::kBlockBytes - 1) / BlockSums::kBlockBytes; }

}  // namespace

void BlockSums::written(std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::uint64_t end = offset + bytes.size();
    if (sums_.size() < blocks_in(end)) sums_.resize(blocks_in(end));
    for (std::uint64_t block = offset / kBlockBytes; block * kBlockBytes < end; ++block) {
        const std::uint64_t begin = block * kBlockBytes;
        if (begin < offset || begin + kBlockBytes > end)
            sums_[block].known = false;
        else
            sums_[block] = {sum_of(bytes.subspan(begin - offset, kBlockBytes)), true};
    }
}

std::string BlockSums::behind(int descriptor, std::uint64_t content_bytes) {
    content_bytes_ = content_bytes;
    sums_.resize(blocks_in(content_bytes));
    std::vector<std::byte> buffer(kBlockBytes);
    std::string text;
    for (std::uint64_t block = 0; block < sums_.size(); ++block) {
        if (!sums_[block].known || bytes_of(block) < kBlockBytes) {
            const std::size_t got = read_all(descriptor, block * kBlockBytes, buffer.data(), bytes_of(block));
            sums_[block] = {sum_of(std::span(buffer).first(got)), true};
        }
        put(text, sums_[block].value);
    }
    put(text, content_bytes);
    put(text, sum_of(std::as_bytes(std::span(text))));
    text += kMagic;
    return text;
}

std::optional<BlockSums> BlockSums::of(int descriptor, std::uint64_t file_bytes) {
    if (file_bytes < kFooterBytes) return std::nullopt;
    std::string footer(kFooterBytes, '\0');
    read_all(descriptor, file_bytes - kFooterBytes, footer.data(), footer.size());
    if (std::string_view(footer).substr(2 * kNumberBytes) != kMagic) return std::nullopt;
    BlockSums sums;
    sums.content_bytes_ = get(footer);
    const std::uint64_t rest = file_bytes - kFooterBytes;
    const std::uint64_t table_bytes = rest - std::min(rest, sums.content_bytes_);
    if (blocks_in(sums.content_bytes_) != table_bytes / kNumberBytes || table_bytes % kNumberBytes != 0)
        throw StoreError("its checksums are damaged");
    std::string table(table_bytes, '\0');
    table.resize(read_all(descriptor, sums.content_bytes_, table.data(), table.size()));
    table += footer.substr(0, kNumberBytes);
    if (sum_of(std::as_bytes(std::span(table))) != get(std::string_view(footer).substr(kNumberBytes)))
        throw StoreError("its checksums are damaged");
    for (std::size_t at = 0; at < table_bytes; at += kNumberBytes)
        sums.sums_.push_back({get(std::string_view(table).substr(at)), true});
    return sums;
}

std::size_t BlockSums::bytes_of(std::uint64_t block) const {
    const std::uint64_t begin = block * kBlockBytes;
    return static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, content_bytes_ - begin));
}

bool BlockSums::fits(std::uint64_t block, std::span<const std::byte> bytes) const {
    return bytes.size() == bytes_of(block) && sum_of(bytes) == sums_[block].value;
}

}  // namespace penstock
