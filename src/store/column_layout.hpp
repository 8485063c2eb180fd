// Which dataset a column of Values becomes: the column rules of docs/store_format.md.
//
// The layout follows from the set of types, element types and shapes in a column, never from how many rows have which.
// So the contents of a part of a column can be joined with those of its other parts, in any order.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace penstock {

enum class Layout : std::uint8_t {
    none,     // no row has a value
    boolean,  // one bool a row
    int64,
    float64,  // float64, or a mixture of bool, int64 and float64 widened to it
    stacked,  // arrays of one type and shape: (rows, ...)
    ragged,   // 1-D arrays of one type and different lengths
    string,
    bytes,
    json,  // everything else
};
std::string_view layout_name(Layout layout);

// What occurs in a column.
class ColumnContents {
public:
    void add(const Value& value);
    void add(const ColumnContents& other);

    bool has(Value::Type type) const { return (types_ & bit(type)) != 0; }
    bool empty() const { return types_ == 0; }
    Layout layout() const;
    // More than one of bool, int64 and float64: a row's type does not follow from the dataset's.
    bool widened() const;
    // The type every row with a value has, unless it is null; only when the layout is neither none, json nor widened.
    Value::Type natural_type() const;

    // Of the arrays, when the layout is stacked or ragged.
    ElementType element() const { return element_; }
    const std::vector<std::uint64_t>& shape() const { return shape_; }

    // As numbers of an attribute, and back: {types} or {types, arrays, element type, extents...}.
    std::vector<std::uint64_t> numbers() const;
    static ColumnContents of(const std::vector<std::uint64_t>& numbers);

    friend bool operator==(const ColumnContents&, const ColumnContents&) = default;

private:
    enum class Arrays : std::uint8_t { none, one_shape, one_dimensional, different };

    static std::uint32_t bit(Value::Type type) { return 1u << static_cast<unsigned>(type); }
    void add_arrays(Arrays arrays, ElementType element, const std::vector<std::uint64_t>& shape);
    bool all_one_dimensional() const;

    std::uint32_t types_ = 0;  // a bit each
    Arrays arrays_ = Arrays::none;
    ElementType element_{};             // unless arrays_ is none or different
    std::vector<std::uint64_t> shape_;  // only with one_shape
};

}  // namespace penstock
