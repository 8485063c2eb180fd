// A column of texts in memory, as it stands in a segment: the texts one after another, and where each ends.
#pragma once

#include "store/buffer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock {

class StringColumn {
public:
    void add(std::string_view text) {
        text_.append(text);
        ends_.put<std::uint64_t>(text_.size());
    }
    std::uint64_t rows() const { return ends_.size() / sizeof(std::uint64_t); }
    std::string_view operator[](std::uint64_t row) const {
        const auto ends = ends_.as<std::uint64_t>();
        const std::uint64_t begin = row == 0 ? 0 : ends[row - 1];
        return text_.text().substr(begin, ends[row] - begin);
    }

    Buffer& text() { return text_; }
    Buffer& ends() { return ends_; }

private:
    Buffer text_;
    Buffer ends_;
};

// Texts that repeat, each kept once: a text's code is its row. Code 0 is "".
class Dictionary {
public:
    Dictionary() { texts_.add(""); }

    std::uint32_t code(std::string_view text) {
        if (text.empty()) return 0;
        const auto [at, added] = codes_.try_emplace(std::string(text), static_cast<std::uint32_t>(texts_.rows()));
        if (added) texts_.add(text);
        return at->second;
    }
    StringColumn& texts() { return texts_; }

private:
    StringColumn texts_;
    std::unordered_map<std::string, std::uint32_t> codes_;
};

}  // namespace penstock
