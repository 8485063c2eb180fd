// Driver functions that feed and read streams, for fed_streams_test.py: what they see is printed. The argument says
// which.
//
// The stages are slow until there is a file `go`, and write down the rank (its process) that they are at.
#include <penstock/penstock.hpp>
#include <penstock/stream_pipeline.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

namespace {

using namespace penstock;

class Slow final : public MapWorker {
public:
    static constexpr std::string_view kName = "slow";

    void start(Context& context) override {
        // One line is written whole.
        const std::string line =
            std::string(at(context.parameters(), "name").string()) + " " + std::to_string(::getppid()) + "\n";
        const int file = ::open("places", O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
        if (file < 0 || ::write(file, line.data(), line.size()) < 0) throw std::runtime_error("cannot write `places`");
        ::close(file);
    }
    std::optional<Value> on_item(const Value& item, Context&) override {
        constexpr std::int64_t kFast = 20;
        while (item.int64() >= kFast && ::access("go", F_OK) != 0) ::usleep(1000);
        return item.int64() + 1;
    }
};

auto slow(const char* name) { return stage<Slow>({{"name", name}}).named(name); }

void tell(const StreamError& error) {
    std::printf("driver: StreamError at `%s`: %s\n", error.stage().c_str(), error.cause().c_str());
}

void put_everything(StreamHandle& stream, std::int64_t first, std::int64_t count) {
    std::int64_t put = first;
    while (put < count && stream.put(put)) ++put;
    std::printf("driver: put %s\n", put == count ? "all" : "some");
}

std::int64_t read_everything(StreamHandle& stream, std::int64_t read) {
    for (const Value& v : stream.results()) {
        if (v.int64() != read + 2)
            std::printf("driver: result %lld is %lld\n", static_cast<long long>(read),
                        static_cast<long long>(v.int64()));
        ++read;
    }
    return read;
}

void drive(PipelineManager& manager) {
    const std::string what = manager.arguments().empty() ? "" : manager.arguments().front();
    constexpr std::int64_t kMany = 100'000, kFew = 200;
    try {
        if (what == "read") {
            StreamHandle stream =
                manager.stream(StreamPipeline("s", source("range", {{"stop", kFew}}) | slow("first") | slow("second")));
            std::printf("driver: read %lld\n", static_cast<long long>(read_everything(stream, 0)));
            return;
        }
        StreamHandle stream = manager.stream(StreamPipeline("s", slow("first") | slow("second")));
        std::int64_t got = 0;
        if (what == "put") {  // what is put before the stream runs does not wait
            stream.put(0);
            got += stream.get() == Value(2) ? 1 : 0;
            std::ofstream("got") << got;
        }
        put_everything(stream, got, what == "put" ? kMany : kFew);
        if (what == "execute") {
            const auto last = stream.execute();
            std::printf("driver: last %lld\n", last ? static_cast<long long>(last->int64()) : -1);
        } else if (what == "wait") {
            const bool succeeded = stream.wait().state == PipelineStatus::State::succeeded;
            std::printf("driver: it %s\n", succeeded ? "succeeded" : "failed");
        } else {
            stream.close();
            std::printf("driver: read %lld\n", static_cast<long long>(read_everything(stream, got)));
        }
    } catch (const StreamError& error) {
        tell(error);
    }
}

}  // namespace

int main(int argc, char** argv) { return Application<Slow>{}.run(argc, argv, drive); }
