#include "exec/attempt.hpp"

#include "value/utf8.hpp"

#include <cxxabi.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <typeinfo>

namespace penstock {

namespace {

// Both are sorted.
std::string wrong_outputs(const JobDescription& job, const Document& outputs) {
    const auto same = [](const auto& output, const std::string& key) { return output.first == key; };
    if (std::equal(outputs.begin(), outputs.end(), job.makes.begin(), job.makes.end(), same)) return {};
    for (const std::string& key : job.makes)
        if (!outputs.contains(key))
            return fmt::format("the worker {} did not return \"{}\", which its makes() lists; every job of this type "
                               "has to return all of: {}", job.worker, key, fmt::join(job.makes, ", "));
    for (const auto& [key, value] : outputs)
        if (!std::binary_search(job.makes.begin(), job.makes.end(), key))
            return fmt::format("the worker {} returned \"{}\", which its makes() does not list; add it there, or do "
                               "not return it", job.worker, key);
    return {};
}

std::string name_of_type(const std::type_info* type) {
    if (type == nullptr) return "an unknown type";
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                      std::free);
    return name != nullptr ? name.get() : type->name();
}

AttemptResult failure(EndReason reason, std::string_view error) { return {reason, bounded_error(error), {}}; }

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

AttemptResult WorkerObjects::run(const JobPlace& place, const JobInstance& job, const Document& document) {
    JobContext context(place, job);
    try {
        AttemptResult result;
        result.outputs = worker(job.description->worker).process(document, context);
        if (std::string wrong = wrong_outputs(*job.description, result.outputs); !wrong.empty())
            return failure(EndReason::bad_output, wrong);
        context.remove_scratch();
        return result;
    } catch (const std::exception& error) {
        const std::string_view what = error.what();
        if (!what.empty()) return failure(EndReason::exception, what);
        return failure(EndReason::exception, fmt::format("an exception without a text: {}", name_of_type(&typeid(error))));
    } catch (...) {
        return failure(EndReason::exception, fmt::format("an exception that is not a std::exception: {}",
                                                         name_of_type(abi::__cxa_current_exception_type())));
    }
}

Worker& WorkerObjects::worker(const std::string& name) {
    const auto known = workers_.find(name);
    if (known != workers_.end()) return *known->second;
    const auto type = std::find_if(types_.begin(), types_.end(), [&](const WorkerType& t) { return t.name == name; });
    if (type == types_.end()) throw std::runtime_error(fmt::format("this program has no worker type \"{}\"", name));
    std::unique_ptr<Worker> fresh = type->create();
    fresh->start();  // one that throws is made anew for the next job
    return *workers_.emplace(name, std::move(fresh)).first->second;
}

}  // namespace penstock
