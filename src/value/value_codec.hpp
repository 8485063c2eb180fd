// Values as bytes between processes of one launch: compact, same machine type on both ends, no versions.
//
// A value is one byte for its type and then its content. Lengths are one byte, or 0xff and eight bytes. The elements of
// an array are padded to start at a multiple of 8 bytes (64 from 4 KiB on) from where its encode() call started: they
// need no copy when decode_*() reads from a buffer that is aligned like that.
//
// encode() throws ValueError for a value that nests deeper than kMaxNesting (a document itself does not count).
#pragma once

#include "value/shared_bytes.hpp"

#include <penstock/value.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace penstock {

// Appends the encoding of `document` to `out`.
void encode(const Document& document, std::vector<std::byte>& out);
void encode(const Value& value, std::vector<std::byte>& out);
void encode(const Value& value, BytesWriter& out);

// The same bytes handed to `write` piece by piece: the content of large arrays, strings and bytes without a copy.
using WritePiece = std::function<void(std::span<const std::byte> piece)>;
void encode(const Document& document, const WritePiece& write);

// The exact number of bytes encode() appends.
std::size_t encoded_size(const Document& document);
std::size_t encoded_size(const Value& value);

// Roughly what a value occupies in memory, for bounds. Shared array buffers count in full.
std::size_t memory_size(const Value& value);
std::size_t memory_size(const Document& document);

// Reads one document from the front of `in` and shortens it. Arrays share `owner` (without a copy) when it is given and
// they are aligned for their element type; else they are copied. Throws ValueError on malformed bytes; never reads
// beyond `in`.
Document decode_document(std::span<const std::byte>& in, const std::shared_ptr<const void>& owner = nullptr);
Value decode_value(std::span<const std::byte>& in, const std::shared_ptr<const void>& owner = nullptr);

}  // namespace penstock
