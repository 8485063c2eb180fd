#include "exec/error_text.hpp"

#include "value/utf8.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

namespace penstock {

namespace {

std::string name_of_type(const std::type_info* type) {
    if (type == nullptr) return "an unknown type";
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                      std::free);
    return name != nullptr ? name.get() : type->name();
}

}  // namespace

std::string bounded_error(std::string_view text) {
    constexpr std::string_view kCut = " [cut]";
    std::string whole = to_utf8(text.substr(0, kMaxErrorBytes + 1));
    if (whole.size() <= kMaxErrorBytes) return whole;
    std::size_t end = kMaxErrorBytes - kCut.size();
    while (end > 0 && (static_cast<unsigned char>(whole[end]) & 0xc0) == 0x80) --end;  // not within a character
    whole.resize(end);
    return whole += kCut;
}

std::string current_error() {
    try {
        throw;
    } catch (const std::exception& error) {
        const std::string_view what = error.what();
        if (!what.empty()) return bounded_error(what);
        return fmt::format("an exception without a text: {}", name_of_type(&typeid(error)));
    } catch (...) {
        return fmt::format("an exception that is not a std::exception: {}",
                           name_of_type(abi::__cxa_current_exception_type()));
    }
}

}  // namespace penstock
