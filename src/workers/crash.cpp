#include "workers/crash.hpp"

#include "workers/parameters.hpp"

#include <csignal>
#include <cstdlib>

#include <unistd.h>

namespace penstock {

namespace {

// Signals rather than bad memory accesses, which a compiler may turn into anything; the handlers of sanitizers and
// others are put aside, so that the process dies of the signal itself.
[[noreturn]] void die_of(int signal) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    std::abort();
}

bool is_way(const Value& how) {
    return how == Value("segfault") || how == Value("abort") || how == Value("exit") || how == Value("hang");
}

}  // namespace

std::vector<std::string> Crash::check(const Document& with) {
    std::vector<std::string> problems = unknown_parameters(with, kName, {"how", "attempts"});
    const auto how = with.find("how");
    if (how != with.end() && !is_open(how->second) && !is_way(how->second))
        problems.push_back("`how` of `crash` must be segfault, abort, exit or hang");
    const auto attempts = with.find("attempts");
    if (attempts != with.end() && !is_open(attempts->second) && !attempts->second.is(Value::Type::int64))
        problems.push_back("`attempts` of `crash` must be a whole number: how many attempts crash");
    return problems;
}

Document Crash::process(const Document&, Context& context) {
    const Document& parameters = context.parameters();
    const auto attempts = parameters.find("attempts");
    if (attempts != parameters.end() && context.attempt() > attempts->second.int64()) return {};
    const auto how = parameters.find("how");
    const std::string way = how == parameters.end() ? "segfault" : how->second.string();
    if (way == "segfault") die_of(SIGSEGV);
    if (way == "abort") die_of(SIGABRT);
    if (way == "exit") ::_exit(3);
    if (way == "hang")
        for (;;) ::pause();
    throw ValueError("`how` of `crash` is \"" + way + "\"; it must be segfault, abort, exit or hang");
}

}  // namespace penstock
