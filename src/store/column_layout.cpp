#include "store/column_layout.hpp"

#include "store/store_error.hpp"

#include <bit>

namespace penstock {

namespace {

using Type = Value::Type;
constexpr std::uint64_t kAllTypes = (1u << (static_cast<unsigned>(Type::array) + 1)) - 1;

}  // namespace

std::string_view layout_name(Layout layout) {
    switch (layout) {
        case Layout::none:
            return "none";
        case Layout::boolean:
            return "bool";
        case Layout::int64:
            return "int64";
        case Layout::float64:
            return "float64";
        case Layout::stacked:
            return "stacked";
        case Layout::ragged:
            return "ragged";
        case Layout::string:
            return "string";
        case Layout::bytes:
            return "bytes";
        case Layout::json:
            return "json";
    }
    return "unknown";
}

void ColumnContents::add(const Value& value) {
    types_ |= bit(value.type());
    if (value.is(Type::array)) add_arrays(Arrays::one_shape, value.array().type(), value.array().shape());
}

void ColumnContents::add(const ColumnContents& other) {
    types_ |= other.types_;
    if (other.arrays_ != Arrays::none) add_arrays(other.arrays_, other.element_, other.shape_);
}

bool ColumnContents::all_one_dimensional() const {
    return arrays_ == Arrays::one_dimensional || (arrays_ == Arrays::one_shape && shape_.size() == 1);
}

void ColumnContents::add_arrays(Arrays arrays, ElementType element, const std::vector<std::uint64_t>& shape) {
    if (arrays_ == Arrays::none) {
        arrays_ = arrays;
        element_ = element;
        shape_ = shape;
        return;
    }
    if (arrays_ == arrays && element_ == element && shape_ == shape) return;
    const bool one_dimensional =
        arrays == Arrays::one_dimensional || (arrays == Arrays::one_shape && shape.size() == 1);
    if (all_one_dimensional() && one_dimensional && element_ == element) {
        arrays_ = Arrays::one_dimensional;
    } else {
        arrays_ = Arrays::different;
        element_ = {};
    }
    shape_.clear();
}

bool ColumnContents::widened() const {
    return std::popcount(types_ & (bit(Type::boolean) | bit(Type::int64) | bit(Type::float64))) > 1;
}

Layout ColumnContents::layout() const {
    const std::uint32_t types = types_ & ~bit(Type::null);
    const std::uint32_t numbers = bit(Type::boolean) | bit(Type::int64) | bit(Type::float64);
    if (types_ == 0) return Layout::none;
    if (types == bit(Type::boolean)) return Layout::boolean;
    if (types == bit(Type::int64)) return Layout::int64;
    if (types != 0 && (types & ~numbers) == 0) return Layout::float64;
    if (types == bit(Type::string)) return Layout::string;
    if (types == bit(Type::bytes)) return Layout::bytes;
    if (types == bit(Type::array) && arrays_ == Arrays::one_shape) return Layout::stacked;
    if (types == bit(Type::array) && arrays_ == Arrays::one_dimensional) return Layout::ragged;
    return Layout::json;
}

Type ColumnContents::natural_type() const {
    switch (layout()) {
        case Layout::boolean:
            return Type::boolean;
        case Layout::int64:
            return Type::int64;
        case Layout::float64:
            return Type::float64;
        case Layout::string:
            return Type::string;
        case Layout::bytes:
            return Type::bytes;
        case Layout::stacked:
        case Layout::ragged:
            return Type::array;
        case Layout::none:
        case Layout::json:
            break;
    }
    return Type::null;
}

std::vector<std::uint64_t> ColumnContents::numbers() const {
    std::vector<std::uint64_t> numbers{types_};
    if (arrays_ != Arrays::none) {
        numbers.push_back(static_cast<std::uint64_t>(arrays_));
        numbers.push_back(static_cast<std::uint64_t>(element_));
        numbers.insert(numbers.end(), shape_.begin(), shape_.end());
    }
    return numbers;
}

ColumnContents ColumnContents::of(const std::vector<std::uint64_t>& numbers) {
    constexpr auto kLastArrays = static_cast<std::uint64_t>(Arrays::different);
    constexpr auto kLastElement = static_cast<std::uint64_t>(ElementType::float64);
    const bool sound =
        !numbers.empty() && numbers[0] <= kAllTypes &&
        (numbers.size() == 1 || (numbers.size() >= 3 && numbers[1] <= kLastArrays && numbers[2] <= kLastElement));
    if (!sound) throw StoreError("the attribute `types` of a column makes no sense: the file is damaged");
    ColumnContents contents;
    contents.types_ = static_cast<std::uint32_t>(numbers[0]);
    if (numbers.size() > 1) {
        contents.arrays_ = static_cast<Arrays>(numbers[1]);
        contents.element_ = static_cast<ElementType>(numbers[2]);
        contents.shape_.assign(numbers.begin() + 3, numbers.end());
    }
    return contents;
}

}  // namespace penstock
