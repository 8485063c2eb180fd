// Worker types of the tests after parallelpipe's.
#pragma once

#include <penstock/penstock.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

namespace penstock::parity {

// Adds `n`.
class Add : public MapWorker {
public:
    static constexpr std::string_view kName = "Add";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        return item.int64() + at(context.parameters(), "n").int64();
    }
};

class Double : public MapWorker {
public:
    static constexpr std::string_view kName = "Double";
    std::optional<Value> on_item(const Value& item, Context&) override { return 2 * item.int64(); }
};

class Same : public MapWorker {
public:
    static constexpr std::string_view kName = "Same";
    std::optional<Value> on_item(const Value& item, Context&) override { return item; }
};

// Numbers that leave the `rest` when divided by two.
class Every : public MapWorker {
public:
    static constexpr std::string_view kName = "Every";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        if (item.int64() % 2 != at(context.parameters(), "rest").int64()) return std::nullopt;
        return item;
    }
};

// Twice the `item`; any other item is an error.
class Only : public MapWorker {
public:
    static constexpr std::string_view kName = "Only";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        if (item != at(context.parameters(), "item")) throw std::runtime_error("failure");
        return 2 * item.int64();
    }
};

// The sum of all.
class Total : public FoldWorker {
public:
    static constexpr std::string_view kName = "Total";
    void on_item(const Value& item, Context&) override { total_ += item.int64(); }
    void finish(Emit& emit, Context&) override { emit(total_); }

private:
    std::int64_t total_ = 0;
};

class Largest : public FoldWorker {
public:
    static constexpr std::string_view kName = "Largest";
    void on_item(const Value& item, Context&) override { largest_ = std::max(largest_, item.int64()); }
    void finish(Emit& emit, Context&) override { emit(largest_); }

private:
    std::int64_t largest_ = std::numeric_limits<std::int64_t>::min();
};

// Throws at the item `at`.
class Fragile : public MapWorker {
public:
    static constexpr std::string_view kName = "Fragile";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        if (item == at(context.parameters(), "at")) throw std::runtime_error("it broke");
        return item;
    }
};

// Takes `ms` for each item, and passes it on.
class Slow : public MapWorker {
public:
    static constexpr std::string_view kName = "Slow";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        std::this_thread::sleep_for(std::chrono::milliseconds(at(context.parameters(), "ms").int64()));
        return item;
    }
};

// 0 .. n - 1, shared by its workers.
class Numbers : public SourceWorker {
public:
    static constexpr std::string_view kName = "Numbers";
    void generate(Emit& emit, Context& context) override {
        const std::int64_t n = at(context.parameters(), "n").int64();
        for (std::int64_t i = context.worker(); i < n && !context.cancelled(); i += context.workers()) emit(i);
    }
};

// Its process is killed at the item `at`.
class Dies : public MapWorker {
public:
    static constexpr std::string_view kName = "Dies";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        if (item == at(context.parameters(), "at")) ::kill(::getpid(), SIGKILL);
        return item;
    }
};

// Never gets done with the item `at`.
class Hangs : public MapWorker {
public:
    static constexpr std::string_view kName = "Hangs";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        if (item != at(context.parameters(), "at")) return item;
        for (;;) ::pause();
    }
};

}  // namespace penstock::parity
