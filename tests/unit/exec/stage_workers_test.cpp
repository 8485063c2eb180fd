// Stage workers of these tests. Each says here what it does.
#include "lanes_fixture.hpp"

#include <penstock/running_fold.hpp>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <stdexcept>

namespace penstock::testing {

namespace {

[[noreturn]] void die() {
    ::raise(SIGSEGV);
    ::_exit(1);
}

// Until this thread has used so much of a CPU.
void burn(std::int64_t milliseconds) {
    const auto used = [] {
        timespec t{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return t.tv_sec * 1'000'000'000 + t.tv_nsec;
    };
    const auto until = used() + milliseconds * 1'000'000;
    while (used() < until) continue;
}

// Integers twice, none of those below 0. A text is what to do: "throw", "crash", "burn" (2 ms of CPU time), "who" (a
// map of what is known), "cancelled". Everything else as it is.
struct Twice : MapWorker {
    static constexpr std::string_view kName = "twice";
    void start(Context& context) override {
        ++starts_;
        if (context.parameters().contains("no-start")) throw std::runtime_error("no licence");
    }
    std::optional<Value> on_item(const Value& item, Context& context) override {
        ++items_;
        if (item.is(Value::Type::int64))
            return item.int64() < 0 ? std::nullopt : std::optional<Value>(2 * item.int64());
        if (item == Value("throw")) throw std::runtime_error("bad item");
        if (item == Value("crash")) die();
        if (item == Value("log")) context.log("seen");
        if (item == Value("burn")) burn(2);
        if (item == Value("deep")) return deep();
        if (item != Value("who")) return item;
        std::ofstream(context.scratch() / "file") << "x";
        return Map{{"pid", ::getpid()},
                   {"starts", starts_},
                   {"items", items_},
                   {"worker", context.worker()},
                   {"workers", context.workers()},
                   {"job", context.job()},
                   {"attempt", context.attempt()},
                   {"scratch", context.scratch().string()},
                   {"parameters", context.parameters()}};
    }

private:
    static Value deep() {
        Value value;
        for (int i = 0; i <= kMaxNesting; ++i) value = List{value};
        return value;
    }
    int starts_ = 0;
    int items_ = 0;
};

// Of an integer n: 0, 1, ... n - 1. Of [n, text]: the same, and then "throw" or "crash" is done. Of [n, bytes]: n texts
// of so many bytes.
struct CountUp : GeneratorWorker {
    static constexpr std::string_view kName = "count-up";
    void on_item(const Value& item, Emit& emit, Context&) override {
        const bool plain = item.is(Value::Type::int64);
        const std::int64_t n = plain ? item.int64() : item.list().at(0).int64();
        if (!plain && item.list().at(1).is(Value::Type::int64)) {
            for (std::int64_t i = 0; i < n; ++i)
                emit(std::string(static_cast<std::size_t>(item.list().at(1).int64()), 'x'));
            return;
        }
        for (std::int64_t i = 0; i < n; ++i) emit(i);
        if (plain) return;
        if (item.list().at(1) == Value("throw")) throw std::runtime_error("bad item");
        if (item.list().at(1) == Value("crash")) die();
    }
};

// Adds integers up; a text is done as above. Emits the sum `times` times; writes a file when it goes.
struct AddUp : FoldWorker {
    static constexpr std::string_view kName = "add-up";
    void start(Context& context) override {
        if (context.parameters().contains("file")) file_ = at(context.parameters(), "file").string();
    }
    ~AddUp() override {
        if (!file_.empty()) std::ofstream(file_) << sum_;
    }
    void on_item(const Value& item, Context&) override {
        if (item == Value("throw")) throw std::runtime_error("bad item");
        if (item == Value("crash")) die();
        sum_ += item.int64();
    }
    void finish(Emit& emit, Context& context) override {
        std::int64_t times = 1;
        if (context.parameters().contains("times")) times = at(context.parameters(), "times").int64();
        for (std::int64_t i = 0; i < times; ++i) emit(sum_);
        if (context.parameters().contains("throws")) throw std::runtime_error("no end");
    }

private:
    std::int64_t sum_ = 0;
    std::string file_;
};

// Lists of each two items, and at the end of the one that is left.
struct Pairs : RunningFoldWorker {
    static constexpr std::string_view kName = "pairs";
    void start(Context& context) override {
        if (context.parameters().contains("no-start")) throw std::runtime_error("no licence");
    }
    void on_item(const Value& item, Emit& emit, Context&) override {
        if (item == Value("throw")) throw std::runtime_error("bad item");
        pair_.push_back(item);
        if (pair_.size() == 2) emit(std::exchange(pair_, {}));
    }
    void finish(Emit& emit, Context&) override {
        if (!pair_.empty()) emit(pair_);
    }

private:
    List pair_;
};

// `count` integers of all workers together, each its share, with `burn` ms of CPU time for each; at `throw-at` or
// `crash-at` that is done. After `wait-at`
// it waits until the file `path` is there, or it is told to stop, and says so; with `print` on standard output too.
// Writes the file `left` when generate() is left. With `who` the first item of all is the number of its process.
struct Integers : SourceWorker {
    static constexpr std::string_view kName = "integers";
    struct Leaving {
        std::string path;
        ~Leaving() {
            if (!path.empty()) std::ofstream(path) << "left";
        }
    };
    void generate(Emit& emit, Context& context) override {
        const Document& with = context.parameters();
        const auto number = [&](std::string_view key) { return with.contains(key) ? at(with, key).int64() : -1; };
        const Leaving leaving{with.contains("left") ? at(with, "left").string() : ""};
        const std::int64_t count = number("count");
        if (with.contains("who")) emit(::getpid());
        for (std::int64_t i = context.worker(); i < count; i += context.workers()) {
            if (i == number("throw-at")) throw std::runtime_error("no more");
            if (i == number("crash-at")) die();
            if (with.contains("burn")) burn(number("burn"));
            emit(i);
            if (i != number("wait-at")) continue;
            context.log("waiting");
            while (!std::filesystem::exists(at(with, "path").string()) && !context.cancelled()) ::usleep(200);
            if (context.cancelled()) return;
            context.log("went on");
            if (number("print") > 0) std::cout << "and printed" << std::endl;
        }
    }
};

// A job's worker: the length of the text `item`; or all keys of its document, told by "keys".
struct Length : Worker {
    static constexpr std::string_view kName = "length";
    static Keys needs() { return {"item"}; }
    static Keys makes() { return {"length"}; }
    Document process(const Document& in, Context&) override {
        if (const auto item = in.find("item"); item != in.end()) return {{"length", item->second.string().size()}};
        List keys;
        for (const auto& [key, value] : in) keys.push_back(key);
        return {{"keys", keys}};
    }
};

}  // namespace

WorkerTypes stage_types() {
    return {worker_type<Twice>(), worker_type<CountUp>(),  worker_type<AddUp>(),
            worker_type<Pairs>(), worker_type<Integers>(), worker_type<Length>()};
}

}  // namespace penstock::testing
