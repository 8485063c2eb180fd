#include "exec/command_npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kAlignment = 64;  // of the elements within the file
constexpr char kNativeOrder = std::endian::native == std::endian::little ? '<' : '>';

// In the order of ElementType.
constexpr std::array<std::string_view, 10> kTypeCodes = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"};

struct Header {
    ElementType type = ElementType::float64;
    bool swapped = false;  // bytes of each element
    bool fortran_order = false;
    std::vector<std::uint64_t> shape;
};

// The header of a .npy file is a Python dict with three members; this reads that and no more of Python.
class HeaderReader {
public:
    explicit HeaderReader(std::string_view text) : text_(text) {}

    Header read() {
        Header header;
        int seen = 0;
        expect('{');
        while (!accept('}')) {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr")
                descr(header);
            else if (key == "fortran_order")
                header.fortran_order = boolean();
            else if (key == "shape")
                shape(header);
            else
                fail("an unknown member");
            ++seen;
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        if (seen != 3) fail("not exactly descr, fortran_order and shape");
        return header;
    }

private:
    [[noreturn]] void fail(std::string_view what) const {
        throw ValueError(fmt::format("its header has {} (at byte {} of the header)", what, place_));
    }
    void skip_space() {
        while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\n')) ++place_;
    }
    bool accept(char wanted) {
        skip_space();
        if (place_ >= text_.size() || text_[place_] != wanted) return false;
        ++place_;
        return true;
    }
    void expect(char wanted) {
        if (!accept(wanted)) fail(fmt::format("no `{}` where one belongs", wanted));
    }
    std::string_view quoted() {
        const char quote = accept('\'') ? '\'' : '"';
        if (quote == '"' && !accept('"')) fail("no string where one belongs, or a structured type");
        const std::size_t end = text_.find(quote, place_);
        if (end == std::string_view::npos) fail("a string without end");
        const std::string_view content = text_.substr(place_, end - place_);
        place_ = end + 1;
        return content;
    }
    bool boolean() {
        skip_space();
        for (const auto& [word, meaning] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
            if (text_.substr(place_, word.size()) != word) continue;
            place_ += word.size();
            return meaning;
        }
        fail("neither True nor False");
    }

    void descr(Header& header) {
        skip_space();
        if (place_ < text_.size() && text_[place_] == '[') {
            throw ValueError("it has a structured type; save its fields as arrays of their own");
        }
        const std::string_view name = quoted();
        const std::string_view code = name.size() == 3 ? name.substr(1) : std::string_view{};
        // NumPy's bool is one byte, 0 or 1.
        const auto known = std::find(kTypeCodes.begin(), kTypeCodes.end(), code == "b1" ? "u1" : code);
        if (known == kTypeCodes.end() || std::string_view("<>|=").find(name[0]) == std::string_view::npos) {
            throw ValueError(
                fmt::format("its elements are of NumPy type `{}`, but an array holds int8 to int64, uint8 to "
                            "uint64, float32 and float64; convert it with astype before saving",
                            name));
        }
        header.type = static_cast<ElementType>(known - kTypeCodes.begin());
        header.swapped = (name[0] == '<' || name[0] == '>') && name[0] != kNativeOrder;
    }

    void shape(Header& header) {
        expect('(');
        while (!accept(')')) {
            skip_space();
            std::uint64_t extent = 0;
            const auto [end, error] = std::from_chars(text_.data() + place_, text_.data() + text_.size(), extent);
            if (error != std::errc{}) fail("a shape that is no tuple of whole numbers");
            place_ = static_cast<std::size_t>(end - text_.data());
            accept('L');  // written by Python 2
            header.shape.push_back(extent);
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
    }

    std::string_view text_;
    std::size_t place_ = 0;
};

// Where the header's text and the elements begin, by the version of the format.
struct Layout {
    std::string_view header;
    std::size_t elements = 0;
};

Layout layout_of(std::string_view file) {
    constexpr std::size_t kVersionEnd = kMagic.size() + 2;
    if (file.substr(0, kMagic.size()) != kMagic || file.size() < kVersionEnd) {
        throw ValueError("it is no .npy file (it does not begin with \\x93NUMPY)");
    }
    const int major = static_cast<unsigned char>(file[kMagic.size()]);
    if (major < 1 || major > 3) throw ValueError(fmt::format("it is a .npy file of the unknown version {}", major));
    const std::size_t length_bytes = major == 1 ? 2 : 4;
    if (file.size() < kVersionEnd + length_bytes) throw ValueError("it ends within its header");
    std::size_t length = 0;
    for (std::size_t i = length_bytes; i-- > 0;)
        length = length << 8 | static_cast<unsigned char>(file[kVersionEnd + i]);
    const std::size_t begin = kVersionEnd + length_bytes;
    if (file.size() - begin < length) throw ValueError("it ends within its header");
    return {file.substr(begin, length), begin + length};
}

// C order from Fortran order: walks the result in order, counting up the index, and picks each element.
std::vector<std::byte> from_fortran_order(std::span<const std::byte> elements, const std::vector<std::uint64_t>& shape,
                                          std::size_t size) {
    std::vector<std::byte> made(elements.size());
    std::vector<std::uint64_t> stride(shape.size(), 1);  // of the source, in elements
    for (std::size_t d = 1; d < shape.size(); ++d) stride[d] = stride[d - 1] * shape[d - 1];
    std::vector<std::uint64_t> index(shape.size(), 0);
    std::uint64_t source = 0;
    for (std::size_t target = 0; target < made.size(); target += size) {
        std::memcpy(made.data() + target, elements.data() + source * size, size);
        for (std::size_t d = shape.size(); d-- > 0;) {
            source += stride[d];
            if (++index[d] < shape[d]) break;
            source -= stride[d] * shape[d];
            index[d] = 0;
        }
    }
    return made;
}

void swap_bytes(std::span<std::byte> elements, std::size_t size) {
    for (std::size_t at = 0; at < elements.size(); at += size) {
        std::reverse(elements.begin() + static_cast<std::ptrdiff_t>(at),
                     elements.begin() + static_cast<std::ptrdiff_t>(at + size));
    }
}

}  // namespace

std::string npy_header(const Array& array) {
    const std::string_view code = kTypeCodes[static_cast<std::size_t>(array.type())];
    const char order = element_size(array.type()) == 1 ? '|' : kNativeOrder;
    // A tuple of one element needs its comma.
    const std::string shape =
        fmt::format("({}{})", fmt::join(array.shape(), ", "), array.shape().size() == 1 ? "," : "");
    std::string dict = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}", order, code, shape);
    const bool small = dict.size() + kAlignment <= UINT16_MAX;  // fits version 1.0
    const std::size_t before = kMagic.size() + 2 + (small ? 2 : 4);
    const std::size_t end = (before + dict.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
    dict.resize(end - before - 1, ' ');
    dict += '\n';
    std::string header(kMagic);
    header += static_cast<char>(small ? 1 : 2);
    header += '\0';
    for (int i = 0; i < (small ? 2 : 4); ++i) header += static_cast<char>(dict.size() >> (8 * i) & 0xff);
    return header + dict;
}

Array read_npy(std::span<const std::byte> file, const std::shared_ptr<const void>& owner) {
    const Layout layout = layout_of({reinterpret_cast<const char*>(file.data()), file.size()});
    Header header = HeaderReader(layout.header).read();
    const std::span<const std::byte> elements = file.subspan(layout.elements);
    const Array as_written(header.type, header.shape, owner, elements);  // the size fits the shape, or it throws
    const bool reorder = header.fortran_order && header.shape.size() > 1;
    if (!reorder && !header.swapped) return as_written;
    const std::size_t size = element_size(header.type);
    auto converted =
        std::make_shared<std::vector<std::byte>>(reorder ? from_fortran_order(elements, header.shape, size)
                                                         : std::vector<std::byte>(elements.begin(), elements.end()));
    if (header.swapped) swap_bytes(*converted, size);
    return Array(header.type, std::move(header.shape), converted, *converted);
}

}  // namespace penstock
