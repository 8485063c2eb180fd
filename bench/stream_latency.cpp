// How long one item takes through a stream that the driver function feeds and reads: put, worked on in a worker
// process, got; and a whole run of one item, from starting the stream to its end. Medians.
//
// stream_latency [-o results.h5] [-- ROUNDS]
#include <penstock/penstock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace penstock;

class Square : public MapWorker {
public:
    static constexpr std::string_view kName = "Square";
    std::optional<Value> on_item(const Value& item, Context&) override { return item.number() * item.number(); }
};

template <class Work>
double median_ms(int rounds, const Work& work) {
    std::vector<double> took;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work(i);
        took.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::nth_element(took.begin(), took.begin() + rounds / 2, took.end());
    return took[static_cast<std::size_t>(rounds / 2)];
}

void measure(PipelineManager& manager) {
    const int rounds = manager.arguments().empty() ? 200 : std::stoi(manager.arguments().front());
    {
        StreamHandle stream = manager.stream(StreamPipeline("item", stage<Square>().save_none()));
        stream.put(1);
        stream.get();  // start-up
        const double ms = median_ms(rounds, [&](int i) {
            stream.put(i);
            stream.get();
        });
        std::printf("one item put and got: %.3f ms\n", ms);
        constexpr int kMany = 200'000;
        const double all = median_ms(1, [&](int) {
            for (int i = 0; i < kMany; ++i) stream.put(i);
            for (int i = 0; i < kMany; ++i) stream.get();
        });
        std::printf("%d items put, then got: %.0f a second\n", kMany, kMany / all * 1000);
    }
    const StreamPipeline run("run", source(std::vector<int>{1}) | stage<Square>().save_none());
    std::printf("a run of one item: %.3f ms\n",
                median_ms(std::max(1, rounds / 4), [&](int) { manager.stream(run).execute(); }));
}

}  // namespace

int main(int argc, char** argv) { return penstock::Application<Square>{}.run(argc, argv, measure); }
