#include "store/schema.hpp"

#include "store/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace penstock {

namespace {

constexpr std::size_t kLongestName = 128;

template <class E>
hid_t enumeration_of(E last, std::string_view (*name_of)(E)) {
    static const h5::Handle type = [&] {
        std::vector<std::string_view> names;
        for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) names.push_back(name_of(static_cast<E>(i)));
        return h5::enumeration(names);
    }();
    return type.id();
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

hid_t FixedColumn::type() const {
    switch (kind) {
        case CellKind::boolean:
            return h5::boolean();
        case CellKind::status:
            return enumeration_of(JobStatus::skipped, job_status_name);
        case CellKind::reason:
            return enumeration_of(EndReason::store, end_reason_name);
        case CellKind::int32:
            return H5T_NATIVE_INT32;
        case CellKind::uint32:
            return H5T_NATIVE_UINT32;
        case CellKind::int64:
            return H5T_NATIVE_INT64;
        case CellKind::uint64:
            return H5T_NATIVE_UINT64;
        case CellKind::float64:
            return H5T_NATIVE_DOUBLE;
    }
    return H5T_NATIVE_UINT8;
}

std::size_t FixedColumn::bytes() const {
    switch (kind) {
        case CellKind::boolean:
        case CellKind::status:
        case CellKind::reason:
            return 1;
        case CellKind::int32:
        case CellKind::uint32:
            return 4;
        case CellKind::int64:
        case CellKind::uint64:
        case CellKind::float64:
            return 8;
    }
    return 1;
}

bool is_key(std::string_view text) {
    return !text.empty() && text.size() <= kLongestName &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

std::string link_name(std::string_view name) {
    const bool dots = name == "." || name == "..";
    const bool plain = !dots && !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.';
    });
    if (plain || name == kStageCounts) return std::string(name);
    std::string out;
    for (const char c : name) {
        if (is_letter_or_digit(c) || c == '_' || c == '-' || (c == '.' && !dots))
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out.empty() ? "%" : out;
}

}  // namespace penstock
