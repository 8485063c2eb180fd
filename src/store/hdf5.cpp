#include "store/hdf5.hpp"

#include <fmt/format.h>

#include <array>

namespace penstock::h5 {

namespace {

herr_t remember_innermost(unsigned, const H5E_error2_t* error, void* text) {
    if (error->desc != nullptr && *error->desc != '\0') *static_cast<std::string*>(text) = error->desc;
    return 0;
}

Handle scalar_space() { return {checked(H5Screate(H5S_SCALAR), "cannot make a dataspace"), H5Sclose}; }

Handle list_space(std::size_t count) {
    const hsize_t extent = count;
    return {checked(H5Screate_simple(1, &extent, nullptr), "cannot make a dataspace"), H5Sclose};
}

void put_attribute(hid_t object, const char* name, hid_t type, const Handle& space, const void* content) {
    const Handle attribute(H5Acreate2(object, name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!attribute || H5Awrite(attribute.id(), type, content) < 0) fail(fmt::format("cannot write attribute {}", name));
}

Handle open_attribute(hid_t object, const char* name) {
    return {checked(H5Aopen(object, name, H5P_DEFAULT), name), H5Aclose};
}

std::size_t elements_of(const Handle& attribute) {
    const Handle space(checked(H5Aget_space(attribute.id()), "cannot read an attribute"), H5Sclose);
    const hssize_t count = H5Sget_simple_extent_npoints(space.id());
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace

void quiet() {
    thread_local const bool done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
    (void)done;
}

void fail(std::string_view what) {
    std::string reason;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, nullptr, nullptr);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, remember_innermost, &reason);
    H5Eclear2(H5E_DEFAULT);
    throw StoreError(fmt::format("{}: HDF5 says: {}", what, reason.empty() ? "nothing more" : reason));
}

// ---------------------------------------------------------------------------------------------- types

hid_t native(ElementType type) {
    switch (type) {
        case ElementType::int8:
            return H5T_NATIVE_INT8;
        case ElementType::int16:
            return H5T_NATIVE_INT16;
        case ElementType::int32:
            return H5T_NATIVE_INT32;
        case ElementType::int64:
            return H5T_NATIVE_INT64;
        case ElementType::uint8:
            return H5T_NATIVE_UINT8;
        case ElementType::uint16:
            return H5T_NATIVE_UINT16;
        case ElementType::uint32:
            return H5T_NATIVE_UINT32;
        case ElementType::uint64:
            return H5T_NATIVE_UINT64;
        case ElementType::float32:
            return H5T_NATIVE_FLOAT;
        case ElementType::float64:
            return H5T_NATIVE_DOUBLE;
    }
    return H5T_NATIVE_UINT8;
}

hid_t boolean() {
    static const Handle type = [] {
        Handle made(checked(H5Tenum_create(H5T_NATIVE_INT8), "cannot make the type of booleans"), H5Tclose);
        const std::int8_t no = 0, yes = 1;
        if (H5Tenum_insert(made.id(), "FALSE", &no) < 0 || H5Tenum_insert(made.id(), "TRUE", &yes) < 0)
            fail("cannot make the type of booleans");
        return made;
    }();
    return type.id();
}

Handle fixed_string(std::size_t bytes) {
    quiet();
    Handle type(checked(H5Tcopy(H5T_C_S1), "cannot make a type of strings"), H5Tclose);
    if (H5Tset_size(type.id(), bytes) < 0 || H5Tset_cset(type.id(), H5T_CSET_UTF8) < 0 ||
        H5Tset_strpad(type.id(), H5T_STR_NULLPAD) < 0)
        fail("cannot make a type of strings");
    return type;
}

Handle variable_string() {
    quiet();
    Handle type(checked(H5Tcopy(H5T_C_S1), "cannot make a type of strings"), H5Tclose);
    if (H5Tset_size(type.id(), H5T_VARIABLE) < 0 || H5Tset_cset(type.id(), H5T_CSET_UTF8) < 0)
        fail("cannot make a type of strings");
    return type;
}

Handle variable_array(hid_t element) {
    quiet();
    return {checked(H5Tvlen_create(element), "cannot make a type of arrays"), H5Tclose};
}

Handle enumeration(std::span<const std::string_view> names) {
    quiet();
    Handle type(checked(H5Tenum_create(H5T_NATIVE_UINT8), "cannot make an enumeration"), H5Tclose);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto value = static_cast<std::uint8_t>(i);
        if (!names[i].empty() && H5Tenum_insert(type.id(), std::string(names[i]).c_str(), &value) < 0)
            fail("cannot make an enumeration");
    }
    return type;
}

// ---------------------------------------------------------------------------------------------- groups, attributes

Handle create_group(hid_t parent, const std::string& name) {
    quiet();
    return {checked(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                    fmt::format("cannot make group {}", name)),
            H5Gclose};
}

Handle open_group(hid_t parent, const std::string& name) {
    quiet();
    return {checked(H5Gopen2(parent, name.c_str(), H5P_DEFAULT), fmt::format("cannot open group {}", name)), H5Gclose};
}

bool exists(hid_t parent, const std::string& name) {
    quiet();
    const htri_t answer = H5Lexists(parent, name.c_str(), H5P_DEFAULT);
    if (answer < 0) fail(fmt::format("cannot look up {}", name));
    return answer > 0;
}

std::vector<std::string> names(hid_t group) {
    quiet();
    std::vector<std::string> found;
    const auto add = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
        static_cast<std::vector<std::string>*>(list)->emplace_back(name);
        return 0;
    };
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &found) < 0) fail("cannot list a group");
    return found;
}

void write_attribute(hid_t object, const char* name, std::string_view text) {
    write_attribute(object, name, std::vector<std::string>{std::string(text)});
}

void write_attribute(hid_t object, const char* name, std::uint64_t number) {
    quiet();
    put_attribute(object, name, H5T_NATIVE_UINT64, scalar_space(), &number);
}

void write_attribute(hid_t object, const char* name, const std::vector<std::string>& texts) {
    quiet();
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    put_attribute(object, name, variable_string().id(), texts.size() == 1 ? scalar_space() : list_space(texts.size()),
                  pointers.data());
}

void write_attribute(hid_t object, const char* name, const std::vector<std::uint64_t>& numbers) {
    quiet();
    put_attribute(object, name, H5T_NATIVE_UINT64, list_space(numbers.size()), numbers.data());
}

bool has_attribute(hid_t object, const char* name) {
    quiet();
    return H5Aexists(object, name) > 0;
}

std::string text_attribute(hid_t object, const char* name) {
    std::vector<std::string> texts = texts_attribute(object, name);
    return texts.empty() ? std::string() : std::move(texts.front());
}

std::uint64_t number_attribute(hid_t object, const char* name, std::uint64_t otherwise) {
    const std::vector<std::uint64_t> numbers = numbers_attribute(object, name);
    return numbers.empty() ? otherwise : numbers.front();
}

std::vector<std::string> texts_attribute(hid_t object, const char* name) {
    if (!has_attribute(object, name)) return {};
    const Handle attribute = open_attribute(object, name);
    const Handle type = variable_string();
    std::vector<char*> pointers(elements_of(attribute));
    if (pointers.empty()) return {};
    if (H5Aread(attribute.id(), type.id(), pointers.data()) < 0) fail(fmt::format("cannot read attribute {}", name));
    std::vector<std::string> texts;
    for (char* text : pointers) {
        texts.emplace_back(text == nullptr ? "" : text);
        H5free_memory(text);
    }
    return texts;
}

std::vector<std::uint64_t> numbers_attribute(hid_t object, const char* name) {
    if (!has_attribute(object, name)) return {};
    const Handle attribute = open_attribute(object, name);
    std::vector<std::uint64_t> numbers(elements_of(attribute));
    if (!numbers.empty() && H5Aread(attribute.id(), H5T_NATIVE_UINT64, numbers.data()) < 0)
        fail(fmt::format("cannot read attribute {}", name));
    return numbers;
}

}  // namespace penstock::h5
