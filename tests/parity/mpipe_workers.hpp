// Worker types of the tests after MPipe's that those of parallelpipe_workers.hpp are not.
#pragma once

#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace penstock::parity {

// Multiplies by `n`.
class Times : public MapWorker {
public:
    static constexpr std::string_view kName = "Times";
    std::optional<Value> on_item(const Value& item, Context& context) override {
        return item.int64() * at(context.parameters(), "n").int64();
    }
};

// What it was given, in that order, and `null` as its last word.
class Echo : public FoldWorker {
public:
    static constexpr std::string_view kName = "Echo";
    void on_item(const Value& item, Context&) override { all_.push_back(item); }
    void finish(Emit& emit, Context&) override {
        for (Value& item : all_) emit(std::move(item));
        emit(nullptr);
    }

private:
    List all_;
};

// Each number n makes n % 4 items [n, 0], [n, 1], ...
class Several : public GeneratorWorker {
public:
    static constexpr std::string_view kName = "Several";
    void on_item(const Value& item, Emit& emit, Context&) override {
        for (std::int64_t i = 0; i < item.int64() % 4; ++i) emit(List{item, i});
    }
};

// Lets an item pass when somebody says so: it takes one byte from the pipe `gate` for each.
class Guarded : public MapWorker {
public:
    static constexpr std::string_view kName = "Guarded";
    ~Guarded() override {
        if (gate_ >= 0) ::close(gate_);
    }
    void start(Context& context) override {
        gate_ = ::open(at(context.parameters(), "gate").string().c_str(), O_RDONLY | O_CLOEXEC);
        if (gate_ < 0) throw std::runtime_error("no gate");
    }
    std::optional<Value> on_item(const Value& item, Context&) override {
        char pass = 0;
        if (::read(gate_, &pass, 1) != 1) throw std::runtime_error("the gate is gone");
        return item;
    }

private:
    int gate_ = -1;
};

// Its other side, in the driver function.
class Gate {
public:
    Gate() {
        std::string directory = (std::filesystem::temp_directory_path() / "gate-XXXXXX").string();
        if (::mkdtemp(directory.data()) == nullptr) throw std::runtime_error("no folder for the gate");
        directory_ = directory;
        if (::mkfifo(path().c_str(), 0600) != 0) throw std::runtime_error("no gate can be made");
        both_ends_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC);  // so that opening waits for nobody
    }
    ~Gate() {
        ::close(both_ends_);
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    std::string path() const { return (directory_ / "gate").string(); }
    void let_pass(std::size_t items) {
        const std::string passes(items, '.');
        if (::write(both_ends_, passes.data(), items) != static_cast<ssize_t>(items))
            throw std::runtime_error("the gate is shut");
    }

private:
    std::filesystem::path directory_;
    int both_ends_ = -1;
};

}  // namespace penstock::parity
