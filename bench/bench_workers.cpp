// A penstock with one more worker type: jobs whose results are 3 scalars and an array of 100 doubles.
#include <penstock/application.hpp>

#include <vector>

namespace {

class BenchArray final : public penstock::Worker {
public:
    static constexpr std::string_view kName = "bench-array";
    static penstock::Keys makes() { return {"energy", "steps", "converged", "profile"}; }

    penstock::Document process(const penstock::Document&, penstock::Context&) override {
        ++jobs_;
        std::vector<double> profile(100);
        for (std::size_t i = 0; i < profile.size(); ++i) profile[i] = static_cast<double>(jobs_) + 0.01 * static_cast<double>(i);
        return {{"energy", 0.5 * static_cast<double>(jobs_)}, {"steps", jobs_}, {"converged", jobs_ % 2 == 0}, {"profile", profile}};
    }

private:
    std::int64_t jobs_ = 0;
};

}  // namespace

int main(int argc, char** argv) { return penstock::Application<BenchArray>{}.run(argc, argv); }
