#include "store/large_values.hpp"

#include "store/dataset.hpp"
#include "store/hdf5_write_file.hpp"
#include "store/schema.hpp"

#include <algorithm>

namespace penstock {

std::string LargeValueFiles::store(ElementType element, std::span<const std::byte> bytes) {
    const std::string name = value_file_name(writer_, ++stored_);
    h5::WriteFile file(directory_ / name, h5::Readers::recent);
    h5::write_attribute(file.id(), "format", "penstock");
    h5::write_attribute(file.id(), "format_version", kFormatVersion);
    h5::write_attribute(file.id(), "kind", "value");
    {
        const std::size_t width = element_size(element);
        h5::DatasetWriter writer(file.id(), "value", {h5::native(element), width, {}}, bytes.size() / width,
                                 h5::kSegmentChunkBytes);
        const std::size_t step = std::max<std::size_t>(1, writer.chunk_rows()) * width;
        Buffer piece;  // the value itself is shared with others and has no room for checksums
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            piece.clear();
            piece.append(bytes.subspan(at, std::min(step, bytes.size() - at)));
            writer.write(piece);
            file.check();
        }
        writer.finish();
    }
    file.finish();
    return name;
}

}  // namespace penstock
