#include "lanes_fixture.hpp"

#include "exec/spin_wait.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vector>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace penstock::testing {

namespace {

struct Noop : Worker {
    static constexpr std::string_view kName = "noop";
    Document process(const Document&, Context&) override { return {}; }
};

struct Square : Worker {
    static constexpr std::string_view kName = "square";
    static Keys needs() { return {"x"}; }
    static Keys makes() { return {"square"}; }
    Document process(const Document& in, Context&) override {
        const double x = at(in, "x").number();
        return {{"square", x * x}};
    }
};

// Ends its process in the way `how` says.
struct Crash : Worker {
    static constexpr std::string_view kName = "crash";
    Document process(const Document&, Context& context) override {
        const std::string& how = at(context.parameters(), "how").string();
        if (how == "segv") {
            ::raise(SIGSEGV);
        } else if (how == "abort") {
            std::abort();
        } else if (how == "exit") {
            std::exit(3);
        } else if (how == "_exit") {
            ::_exit(4);
        } else if (how == "close") {
            ::closefrom(0);
        }
        return {};
    }
};

// Starts a program, says which, and waits for it.
struct StartProgram : Worker {
    static constexpr std::string_view kName = "start-program";
    Document process(const Document&, Context& context) override {
        const std::string script = "sleep 30 & echo $! > " + at(context.parameters(), "pipe").string() + "; wait";
        return {{"status", std::system(script.c_str())}};
    }
};

// Crashes in one instance only.
struct CrashAt : Worker {
    static constexpr std::string_view kName = "crash-at";
    static Keys makes() { return {"i"}; }
    Document process(const Document&, Context& context) override {
        const std::int64_t i = at(context.parameters(), "i").int64();
        if (i == at(context.parameters(), "at").int64()) ::raise(SIGSEGV);
        return {{"i", i}};
    }
};

// Writes its process id into the file `path` and then loops without end.
struct Hang : Worker {
    static constexpr std::string_view kName = "hang";
    Document process(const Document&, Context& context) override {
        const std::string& path = at(context.parameters(), "path").string();
        std::ofstream(path + ".new") << ::getpid();
        std::filesystem::rename(path + ".new", path);
        for (volatile bool forever = true; forever;) ::usleep(1000);
        return {};
    }
};

// Uses so many MiB, itself or in a process of its own session, and then does not end. Says the number of that process.
struct Hog : Worker {
    static constexpr std::string_view kName = "hog";
    Document process(const Document&, Context& context) override {
        const auto bytes = static_cast<std::size_t>(at(context.parameters(), "mib").int64()) << 20;
        const bool child = context.parameters().contains("path");
        const pid_t process = child ? ::fork() : 0;
        if (process == 0) {
            if (child) ::setsid();
            std::vector<char> used(bytes, 1);
            for (volatile char* at = used.data();; ::usleep(1000)) *at = 2;
        }
        const std::string& path = at(context.parameters(), "path").string();
        std::ofstream(path + ".new") << process;
        std::filesystem::rename(path + ".new", path);
        for (;;) ::pause();
    }
};

// Like Hang, but ends when it is told to.
struct Patient : Worker {
    static constexpr std::string_view kName = "patient";
    Document process(const Document&, Context& context) override {
        const std::string& path = at(context.parameters(), "path").string();
        context.progress(0.25);
        std::ofstream(path + ".new") << ::getpid();
        std::filesystem::rename(path + ".new", path);
        while (!context.cancelled()) ::usleep(1000);
        if (context.parameters().contains("throws")) throw std::runtime_error("ended early");
        return {};
    }
};

// Waits until the file `path` is there.
struct Until : Worker {
    static constexpr std::string_view kName = "until";
    Document process(const Document&, Context& context) override {
        while (!std::filesystem::exists(at(context.parameters(), "path").string())) ::usleep(200);
        return {};
    }
};

struct Pid : Worker {
    static constexpr std::string_view kName = "pid";
    static Keys makes() { return {"pid", "calls", "starts"}; }
    void start() override { ++starts_; }
    Document process(const Document&, Context&) override {
        return {{"pid", ::getpid()}, {"calls", ++calls_}, {"starts", starts_}};
    }
    int starts_ = 0;
    int calls_ = 0;
};

struct Throw : Worker {
    static constexpr std::string_view kName = "throw";
    Document process(const Document&, Context& context) override {
        const std::string& what = at(context.parameters(), "what").string();
        if (what == "int") throw 42;
        throw std::runtime_error(what);
    }
};

struct BadStart : Worker {
    static constexpr std::string_view kName = "bad-start";
    void start() override { throw std::runtime_error("no licence"); }
    Document process(const Document&, Context&) override { return {}; }
};

// Returns the keys `returns` asks for; makes() says "a" and "b".
struct Keyed : Worker {
    static constexpr std::string_view kName = "keyed";
    static Keys makes() { return {"b", "a"}; }
    Document process(const Document&, Context& context) override {
        Document out;
        for (const Value& key : at(context.parameters(), "returns").list()) out[key.string()] = 1;
        return out;
    }
};

// Doubles an array of float64.
struct Double : Worker {
    static constexpr std::string_view kName = "double";
    static Keys needs() { return {"in"}; }
    static Keys makes() { return {"out"}; }
    Document process(const Document& in, Context&) override {
        const auto elements = at(in, "in").array().as<double>();
        std::vector<double> out(elements.size());
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = 2 * elements[i];
        const auto shape = at(in, "in").array().shape();
        return {{"out", Array::of<double>(shape, out)}};
    }
};

// Gives back what it gets.
struct Echo : Worker {
    static constexpr std::string_view kName = "echo";
    static Keys needs() { return {"in"}; }
    static Keys makes() { return {"out"}; }
    Document process(const Document& in, Context&) override { return {{"out", at(in, "in")}}; }
};

// Makes an array of `count` doubles 0, 1, 2, ...
struct Iota : Worker {
    static constexpr std::string_view kName = "iota";
    static Keys makes() { return {"out"}; }
    Document process(const Document&, Context& context) override {
        std::vector<double> out(static_cast<std::size_t>(at(context.parameters(), "count").int64()));
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(i);
        return {{"out", Value(out)}};
    }
};

// Says `text` `times` times in four ways.
struct Print : Worker {
    static constexpr std::string_view kName = "print";
    Document process(const Document&, Context& context) override {
        const std::string& text = at(context.parameters(), "text").string();
        for (std::int64_t i = at(context.parameters(), "times").int64(); i > 0; --i) {
            std::cout << "cout " << text << '\n';
            std::fprintf(stderr, "stderr %s\n", text.c_str());
            std::printf("printf %s\n", text.c_str());
            context.log("log " + text);
        }
        if (context.parameters().contains("crash")) {
            std::fflush(stdout);
            ::raise(SIGSEGV);
        }
        return {};
    }
};

// Says what the Context says.
struct Ask : Worker {
    static constexpr std::string_view kName = "ask";
    static Keys makes() { return {"context", "scratch"}; }
    Document process(const Document& in, Context& context) override {
        const auto scratch = context.scratch();
        std::ofstream(scratch / "file") << "x";
        const bool same = scratch == context.scratch();
        if (context.parameters().contains("throws")) throw std::runtime_error(scratch.string());
        return {{"context", Map{{"pipeline", context.pipeline()},
                                {"job", context.job()},
                                {"instance", context.instance()},
                                {"attempt", context.attempt()},
                                {"cpus", context.cpus()},
                                {"parameters", context.parameters()},
                                {"directory", context.definition_directory().string()},
                                {"cancelled", context.cancelled()},
                                {"same", same},
                                {"in", in}}},
                {"scratch", scratch.string()}};
    }
};

// How the process is set up.
struct Inspect : Worker {
    static constexpr std::string_view kName = "inspect";
    static Keys makes() { return {"parent", "descriptors", "stdin", "death-signal", "group-leader", "pid"}; }
    Document process(const Document&, Context&) override {
        int death_signal = 0;
        ::prctl(PR_GET_PDEATHSIG, &death_signal);
        return {{"parent", ::getppid()},
                {"descriptors", open_descriptors()},
                {"stdin", std::cin.get() == std::char_traits<char>::eof()},
                {"death-signal", death_signal},
                {"group-leader", ::getpgrp() == ::getpid()},
                {"pid", ::getpid()}};
    }
};

// Uses CPU for `ms` milliseconds, with `bytes` of memory.
struct Burn : Worker {
    static constexpr std::string_view kName = "burn";
    Document process(const Document&, Context& context) override {
        std::vector<char> memory(static_cast<std::size_t>(at(context.parameters(), "bytes").int64()), 'x');
        const auto end = steady_now() + at(context.parameters(), "ms").int64() * 1'000'000;
        volatile double x = 1;
        while (steady_now() < end) x = std::sqrt(x + memory[memory.size() / 2]);
        return {};
    }
};

}  // namespace

const WorkerTypes& test_types() {
    static const WorkerTypes types = [] {
        WorkerTypes list{
            worker_type<Noop>(),     worker_type<Square>(),  worker_type<Crash>(),   worker_type<CrashAt>(),
            worker_type<Hang>(),     worker_type<Patient>(), worker_type<Pid>(),     worker_type<Throw>(),
            worker_type<Keyed>(),    worker_type<Double>(),  worker_type<Echo>(),    worker_type<Iota>(),
            worker_type<Print>(),    worker_type<Ask>(),     worker_type<Inspect>(), worker_type<Burn>(),
            worker_type<BadStart>(), worker_type<Hog>(),     worker_type<Until>(),   worker_type<StartProgram>()};
        WorkerType external = worker_type<Noop>();
        external.name = "outside";
        external.external = true;
        list.push_back(external);
        for (WorkerType& type : stage_types()) list.push_back(std::move(type));
        return list;
    }();
    return types;
}

namespace {

// This program started anew as a zygote, before the test's own main() does anything.
__attribute__((constructor)) void serve_when_started_as_zygote(int argument_count, char** arguments, char**) {
    if (argument_count > 0 && arguments[0] == std::string_view("penstock-zygote"))
        serve_if_zygote(argument_count, arguments, test_types());
}

}  // namespace

std::filesystem::path LanesTest::make_folder() {
    std::string path = (std::filesystem::temp_directory_path() / "penstock-lanes.XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return path;
}

std::vector<Outcome> LanesTest::collect(std::size_t count) {
    std::vector<Outcome> outcomes = std::exchange(early_, {});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(240);
    while (outcomes.size() < count) {
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait_until(lock, deadline, [this] { return woken_; }))
                throw std::runtime_error("outcomes do not come: " + std::to_string(outcomes.size()) + " of " +
                                         std::to_string(count));
            woken_ = false;
        }
        lanes().drain(outcomes);
    }
    early_.assign(std::make_move_iterator(outcomes.begin() + static_cast<std::ptrdiff_t>(count)),
                  std::make_move_iterator(outcomes.end()));
    outcomes.resize(count);
    return outcomes;
}

std::string LanesTest::wait_for_file(const std::filesystem::path& path) {
    while (!std::filesystem::exists(path)) std::this_thread::yield();
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<int> children() {
    std::vector<int> found;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(task.path() / "children");
        for (int pid = 0; file >> pid;) found.push_back(pid);
    }
    return found;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;  // its own
}

}  // namespace penstock::testing
