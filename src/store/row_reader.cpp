#include "store/row_reader.hpp"

#include "store/hdf5.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace penstock {

struct RowReader::Open {
    enum class Kind { numbers, booleans, texts };

    std::string name;  // for messages
    h5::ReadFile file;
    h5::Handle dataset;
    std::vector<hsize_t> dimensions;
    Kind kind = Kind::numbers;
    ElementType element = ElementType::float64;
    h5::Handle text_type;        // in memory
    std::size_t text_bytes = 0;  // of a fixed string; 0 = variable
    std::uint64_t chunk_rows = 1;
    std::uint64_t row_elements = 1;

    Open(const std::filesystem::path& path, const std::string& dataset_name)
        : name(fmt::format("{}:{}", path.string(), dataset_name)), file(path) {
        dataset = h5::Handle(H5Dopen2(file.id(), dataset_name.c_str(), H5P_DEFAULT), H5Dclose);
        if (!dataset) h5::fail(fmt::format("{}: there is no such dataset", name));
        const h5::Handle space(h5::checked(H5Dget_space(dataset.id()), name), H5Sclose);
        const int rank = H5Sget_simple_extent_ndims(space.id());
        if (rank < 1) throw StoreError(fmt::format("{}: it is one value, or none, and has no rows", name));
        dimensions.resize(static_cast<std::size_t>(rank));
        H5Sget_simple_extent_dims(space.id(), dimensions.data(), nullptr);
        for (std::size_t d = 1; d < dimensions.size(); ++d) row_elements *= dimensions[d];
        look_at_type();
        const h5::Handle layout(h5::checked(H5Dget_create_plist(dataset.id()), name), H5Pclose);
        std::vector<hsize_t> chunk(dimensions.size());
        if (H5Pget_layout(layout.id()) == H5D_CHUNKED && H5Pget_chunk(layout.id(), rank, chunk.data()) == rank)
            chunk_rows = std::max<std::uint64_t>(1, chunk[0]);
    }

    void look_at_type() {
        const h5::Handle type(h5::checked(H5Dget_type(dataset.id()), name), H5Tclose);
        const std::size_t size = H5Tget_size(type.id());
        switch (H5Tget_class(type.id())) {
            case H5T_INTEGER:
                element = integer(size, H5Tget_sign(type.id()) == H5T_SGN_NONE);
                return;
            case H5T_FLOAT:
                element = size <= sizeof(float) ? ElementType::float32 : ElementType::float64;
                return;
            case H5T_ENUM:
                if (H5Tequal(type.id(), h5::boolean()) <= 0) break;
                kind = Kind::booleans;
                element = ElementType::int8;
                return;
            case H5T_STRING:
                kind = Kind::texts;
                if (H5Tis_variable_str(type.id()) > 0) {
                    text_type = h5::variable_string();
                    H5Tset_cset(text_type.id(), H5Tget_cset(type.id()));
                } else {
                    text_type = h5::Handle(h5::checked(H5Tcopy(type.id()), name), H5Tclose);
                    text_bytes = size;
                }
                return;
            default:
                break;
        }
        throw StoreError(
            fmt::format("{}: its elements are neither numbers nor booleans nor strings, and `rows` reads no "
                        "others",
                        name));
    }

    static ElementType integer(std::size_t bytes, bool is_unsigned) {
        if (bytes <= 1) return is_unsigned ? ElementType::uint8 : ElementType::int8;
        if (bytes <= 2) return is_unsigned ? ElementType::uint16 : ElementType::int16;
        if (bytes <= 4) return is_unsigned ? ElementType::uint32 : ElementType::int32;
        return is_unsigned ? ElementType::uint64 : ElementType::int64;
    }

    std::size_t cell_bytes() const {
        if (kind != Kind::texts) return element_size(element);
        return text_bytes == 0 ? sizeof(char*) : text_bytes;
    }

    void read_into(std::uint64_t first, std::uint64_t count, hid_t type, void* to) const {
        h5::quiet();
        std::vector<hsize_t> start(dimensions.size(), 0), extent(dimensions);
        start[0] = first;
        extent[0] = count;
        const h5::Handle space(h5::checked(H5Dget_space(dataset.id()), name), H5Sclose);
        const h5::Handle memory(
            h5::checked(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name), H5Sclose);
        if (H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) < 0 ||
            H5Dread(dataset.id(), type, memory.id(), space.id(), H5P_DEFAULT, to) < 0)
            h5::fail(fmt::format("{}: rows {} to {} cannot be read", name, first, first + count - 1));
    }

    // Rows of `cells`, one after another.
    List as_rows(List cells, std::uint64_t count) const {
        if (dimensions.size() == 1) return cells;
        List rows;
        for (std::uint64_t r = 0; r < count; ++r) {
            const auto begin = cells.begin() + static_cast<std::ptrdiff_t>(r * row_elements);
            rows.emplace_back(List(begin, begin + static_cast<std::ptrdiff_t>(row_elements)));
        }
        return rows;
    }

    List numbers(std::uint64_t first, std::uint64_t count) const {
        const std::size_t row_bytes = row_elements * cell_bytes();
        auto block = std::make_shared<std::vector<std::byte>>(count * row_bytes);
        if (!block->empty()) read_into(first, count, h5::native(element), block->data());
        List rows;
        rows.reserve(count);
        const std::vector<std::uint64_t> shape(dimensions.begin() + 1, dimensions.end());
        if (!shape.empty()) {
            // Each on its own: what is kept of one row must not keep all of them.
            for (std::uint64_t r = 0; r < count; ++r)
                rows.emplace_back(Array(element, shape, std::span(*block).subspan(r * row_bytes, row_bytes)));
            return rows;
        }
        const Array all(element, {count}, std::shared_ptr<const void>(block), *block);
        with_elements(all, [&](auto elements) {
            for (const auto number : elements) rows.emplace_back(number);
        });
        return rows;
    }

    List booleans(std::uint64_t first, std::uint64_t count) const {
        std::vector<std::int8_t> block(count * row_elements);
        if (!block.empty()) read_into(first, count, h5::boolean(), block.data());
        List cells;
        for (const std::int8_t cell : block) cells.emplace_back(cell != 0);
        return as_rows(std::move(cells), count);
    }

    List texts(std::uint64_t first, std::uint64_t count) const {
        List cells;
        if (text_bytes != 0) {
            std::vector<char> block(count * row_elements * text_bytes);
            if (!block.empty()) read_into(first, count, text_type.id(), block.data());
            for (std::size_t at = 0; at < block.size(); at += text_bytes)
                cells.emplace_back(std::string(block.data() + at, ::strnlen(block.data() + at, text_bytes)));
            return as_rows(std::move(cells), count);
        }
        std::vector<char*> block(count * row_elements, nullptr);
        if (!block.empty()) read_into(first, count, text_type.id(), block.data());
        for (char* text : block) {
            cells.emplace_back(std::string(text == nullptr ? "" : text));
            H5free_memory(text);
        }
        return as_rows(std::move(cells), count);
    }
};

RowReader::RowReader(const std::filesystem::path& file, const std::string& dataset)
    : open_(std::make_unique<Open>(file, dataset)) {}
RowReader::~RowReader() = default;

std::uint64_t RowReader::rows() const { return open_->dimensions[0]; }

std::uint64_t RowReader::begin_of(std::uint32_t part, std::uint32_t parts) const {
    const std::uint64_t chunks = (rows() + open_->chunk_rows - 1) / open_->chunk_rows;
    const std::uint64_t unit = chunks >= parts ? open_->chunk_rows : 1;
    const std::uint64_t units = chunks >= parts ? chunks : rows();
    const std::uint64_t begin = units / parts * part + units % parts * part / parts;
    return std::min(rows(), begin * unit);
}

List RowReader::read(std::uint64_t first, std::uint64_t end) {
    end = std::min(end, rows());
    if (first >= end) return {};
    const std::uint64_t row_bytes = std::max<std::uint64_t>(1, open_->row_elements * open_->cell_bytes());
    std::uint64_t count = std::max<std::uint64_t>(1, kBlockBytes / row_bytes);
    // Up to the end of a chunk, so that none is read twice.
    const std::uint64_t chunk = open_->chunk_rows;
    if (const std::uint64_t last = (first + count) / chunk * chunk; last > first) count = last - first;
    count = std::min(count, end - first);
    switch (open_->kind) {
        case Open::Kind::booleans:
            return open_->booleans(first, count);
        case Open::Kind::texts:
            return open_->texts(first, count);
        case Open::Kind::numbers:
            break;
    }
    return open_->numbers(first, count);
}

}  // namespace penstock
