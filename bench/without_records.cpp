// A penstock that keeps no records: all that is given to its writers counts as durable at once. What records cost is
// the difference (bench/figures.py durability). It has no results: run it with --no-collect.
#include "bench_types.hpp"
#include "store/record_writer.hpp"

#include <penstock/application.hpp>

#include <atomic>
#include <functional>

namespace penstock {

namespace {

class NoWriter final : public RecordWriter {
public:
    explicit NoWriter(std::function<void()> wake) : wake_(std::move(wake)) {}

    void add(std::vector<JobRecord> records) override {
        durable_ += records.size();
        if (wake_) wake_();
    }
    void add(PipelineRecord) override {}
    void add(StreamRecord) override { ++durable_items_; }
    void save_first(std::uint64_t ticket, JobRecord) override { saved_.push_back({ticket, ""}); }
    std::vector<Saved> saved() override { return std::exchange(saved_, {}); }
    void flush_soon() override {}
    std::uint64_t durable() const override { return durable_; }
    std::uint64_t durable_items() const override { return durable_items_; }
    bool full() const override { return false; }
    std::vector<Refused> refused() override { return {}; }
    std::optional<std::string> error() const override { return std::nullopt; }
    void stop() override {}

private:
    std::function<void()> wake_;
    std::atomic<std::uint64_t> durable_{0}, durable_items_{0};
    std::vector<Saved> saved_;
};

}  // namespace

// Linked instead of the one in the library.
std::unique_ptr<RecordWriter> make_record_writer(WriterOptions options) {
    return std::make_unique<NoWriter>(std::move(options.wake));
}

}  // namespace penstock

int main(int argc, char** argv) { return penstock::Application<penstock::bench::Busy>{}.run(argc, argv); }
