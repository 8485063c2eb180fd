#include "bzip2.hpp"

#include <bzlib.h>

#include <limits>
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
    Bytes packed(bound);
    auto size = static_cast<unsigned>(bound);
    // libbz2 does not write to its input; its interface is older than const.
    char* from = reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()));
    char nothing = 0;  // it refuses a null pointer, which an empty block may have
    const int status = BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(packed.data()), &size, from ? from : &nothing,
                                                static_cast<unsigned>(bytes.size()), level_, 0, 0);
    if (status != BZ_OK)
        throw std::runtime_error("libbz2 cannot compress a block of " + std::to_string(bytes.size()) + " bytes: " +
                                 (status == BZ_MEM_ERROR ? "not enough memory" : "error " + std::to_string(status)));
    packed.resize(size);
    return Map{{"packed", std::move(packed)}, {"size", bytes.size()}};
}

}  // namespace compress
