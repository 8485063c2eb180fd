// Bytes that grow, with room for a checksum behind them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace penstock {

// Like a vector of bytes, but growing does not clear, large blocks move without being copied, and kSpare writable bytes
// always follow the last one.
class Buffer {
public:
    static constexpr std::size_t kSpare = 8;

    Buffer() = default;
    explicit Buffer(std::size_t size) { resize(size); }
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::span<const std::byte> bytes() const { return {data_, size_}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

    void reserve(std::size_t size) {
        if (size + kSpare > capacity_) grow(size);
    }
    void resize(std::size_t size) {  // new bytes have any value
        reserve(size);
        size_ = size;
    }
    void clear() { size_ = 0; }

    // Room for `size` more bytes, which the caller fills.
    std::byte* extend(std::size_t size) {
        if (size_ + size + kSpare > capacity_) grow(size_ + size);
        std::byte* at = data_ + size_;
        size_ += size;
        return at;
    }
    void append(const void* from, std::size_t size) {
        if (size > 0) std::memcpy(extend(size), from, size);
    }
    void append(std::string_view text) { append(text.data(), text.size()); }
    void append(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }
    void append_zeros(std::size_t size) {
        if (size > 0) std::memset(extend(size), 0, size);
    }
    template <class T>
    requires(std::is_arithmetic_v<T>) void put(T value) { std::memcpy(extend(sizeof value), &value, sizeof value); }

    template <class T>
    std::span<const T> as() const {
        return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
    }
    template <class T>
    std::span<T> as() {
        return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
    }

private:
    void grow(std::size_t size) {
        std::size_t wanted = size + kSpare;
        if (wanted < capacity_ + capacity_ / 2) wanted = capacity_ + capacity_ / 2;
        void* moved = std::realloc(data_, wanted);
        if (moved == nullptr) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(moved);
        capacity_ = wanted;
    }

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace penstock
