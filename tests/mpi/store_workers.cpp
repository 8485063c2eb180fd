// A penstock with a store that fails now and then, for attempts_test.py: `--store flaky:FOLDER` cannot keep what a job
// makes before it has been asked twice, and never what is called "bad".
#include <penstock/application.hpp>
#include <penstock/worker.hpp>

#include <fstream>
#include <stdexcept>
#include <string>

namespace {

using namespace penstock;

struct Make : Worker {
    static constexpr std::string_view kName = "make";
    static Keys makes(const Document& with) { return {with.contains("bad") ? "bad" : "attempt"}; }
    Document process(const Document&, Context& context) override {
        return {{context.parameters().contains("bad") ? "bad" : "attempt", context.attempt()}};
    }
};

class Flaky final : public Store {
public:
    static constexpr std::string_view kName = "flaky";
    explicit Flaky(const std::string& folder) : folder_(folder) {}

    Document retrieve(const Scope&, const std::vector<std::string>&) override { return {}; }
    void save(const Scope& scope, std::string_view, const Document& document) override {
        if (document.contains("bad")) throw std::runtime_error("no place for bad things");
        const std::string file = folder_ + "/" + scope.job;
        if (!std::ifstream(file)) {
            std::ofstream(file) << "asked\n";
            throw std::runtime_error("come again");
        }
        std::ofstream(file) << at(document, "attempt").int64() << "\n";
    }
    void flush() override {}

private:
    std::string folder_;
};

}  // namespace

int main(int argc, char** argv) { return Application<Make>{}.store<Flaky>().run(argc, argv); }
