// A penstock whose stages do to an item what its number says, so that stream_trees_test.py can foretell what comes out
// of any tree of them. Items are [id, padding]; the padding's length follows from the id as well.
//
// `crash: N`: of 1,000 items, N kill the worker process that has them, once: a file in `marks` says that they did.
#include <penstock/application.hpp>
#include <penstock/stream.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using penstock::at;
using penstock::Context;
using penstock::Value;

// A number in [0, 2^63) that looks drawn by lot; stream_trees_test.py has the same function.
std::int64_t mixed(std::int64_t a, std::int64_t b) {
    std::uint64_t x = static_cast<std::uint64_t>(a) ^ (static_cast<std::uint64_t>(b) * 0x9e3779b97f4a7c15ull);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return static_cast<std::int64_t>((x ^ (x >> 31)) >> 1);
}

std::int64_t number(const Context& context, const char* key) { return at(context.parameters(), key).int64(); }

std::string padding(std::int64_t id, std::int64_t most) {
    return std::string(static_cast<std::size_t>(mixed(id, 7) % (most + 1)), static_cast<char>('a' + id % 26));
}

Value item(std::int64_t id, const Context& context) { return penstock::List{id, padding(id, number(context, "pad"))}; }

// Of items that a merge put together: of all of them.
std::int64_t id_of(const Value& item) {
    const penstock::List& list = item.list();
    if (!list.at(0).is(Value::Type::list)) return list.at(0).int64();
    std::int64_t id = id_of(list.at(0));
    for (std::size_t i = 1; i < list.size(); ++i) id = mixed(id, id_of(list[i]));
    return id;
}

void maybe_crash(std::int64_t id, const Context& context) {
    const std::int64_t salt = number(context, "salt");
    if (mixed(id, salt + 3) % 1000 >= number(context, "crash")) return;
    const std::string mark =
        at(context.parameters(), "marks").string() + "/" + std::to_string(salt) + "-" + std::to_string(id);
    const int file = ::open(mark.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) return;  // it did
    ::close(file);
    ::kill(::getpid(), SIGKILL);
}

class TreeSource final : public penstock::SourceWorker {
public:
    static constexpr std::string_view kName = "tree-source";

    void generate(penstock::Emit& emit, Context& context) override {
        const std::int64_t count = number(context, "count");
        const std::int64_t first = count * context.worker() / context.workers();
        const std::int64_t last = count * (context.worker() + 1) / context.workers();
        for (std::int64_t i = first; i < last && !context.cancelled(); ++i)
            emit(item(mixed(i, number(context, "salt")), context));
    }
};

class TreeMap final : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "tree-map";

    std::optional<Value> on_item(const Value& in, Context& context) override {
        const std::int64_t id = id_of(in);
        const std::int64_t salt = number(context, "salt");
        maybe_crash(id, context);
        if (mixed(id, salt + 1) % 100 < number(context, "drop")) return std::nullopt;
        return item(mixed(id, salt), context);
    }
};

class TreeGenerator final : public penstock::GeneratorWorker {
public:
    static constexpr std::string_view kName = "tree-generator";

    void on_item(const Value& in, penstock::Emit& emit, Context& context) override {
        const std::int64_t id = id_of(in);
        const std::int64_t salt = number(context, "salt");
        maybe_crash(id, context);
        const std::int64_t results = mixed(id, salt + 2) % (number(context, "most") + 1);
        for (std::int64_t i = 0; i < results; ++i) emit(item(mixed(mixed(id, salt), i), context));
    }
};

// Of each number 6,000 more, and crashes twice on the way, when the first ones have left.
class TreeBurst final : public penstock::GeneratorWorker {
public:
    static constexpr std::string_view kName = "tree-burst";
    static constexpr bool kRepeatable = true;

    void on_item(const Value& in, penstock::Emit& emit, Context& context) override {
        for (std::int64_t i = 0; i < 6000; ++i) {
            if (i == 2500 || i == 4500) maybe_crash(in.int64() * 10'000 + i, context);
            emit(in.int64() * 10'000 + i);
        }
    }
};

// The id, when the padding is as it was made.
class TreeEnd final : public penstock::MapWorker {
public:
    static constexpr std::string_view kName = "tree-end";

    std::optional<Value> on_item(const Value& in, Context& context) override {
        const std::int64_t id = id_of(in);
        if (in.list().at(1).string() != padding(id, number(context, "pad")))
            throw std::runtime_error("the padding of item " + std::to_string(id) + " is not what it was");
        return id;
    }
};

// Never comes back, whatever it is told.
class Stuck final : public penstock::Worker {
public:
    static constexpr std::string_view kName = "stuck";
    penstock::Document process(const penstock::Document&, Context& context) override {
        context.log("stuck");
        if (const int file = ::open("stuck", O_CREAT | O_WRONLY | O_CLOEXEC, 0600); file >= 0) ::close(file);
        for (;;) ::pause();
    }
};

}  // namespace

int main(int argc, char** argv) {
    return penstock::Application<TreeSource, TreeMap, TreeGenerator, TreeBurst, TreeEnd, Stuck>().run(argc, argv);
}
