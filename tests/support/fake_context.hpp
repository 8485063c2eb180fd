// A Context for calling process() of a worker by itself.
#pragma once

#include <penstock/worker.hpp>

#include <string>
#include <vector>

namespace penstock::test {

class FakeContext : public Context {
public:
    explicit FakeContext(Document parameters = {}, int attempt = 1)
        : parameters_(std::move(parameters)), attempt_(attempt) {}

    std::string_view pipeline() const override { return "pipeline"; }
    std::string_view job() const override { return "job"; }
    std::string instance() const override { return ""; }
    int attempt() const override { return attempt_; }
    int cpus() const override { return 1; }
    const Document& parameters() const override { return parameters_; }
    const std::filesystem::path& definition_directory() const override { return directory; }
    std::uint32_t worker() const override { return which_worker; }
    std::uint32_t workers() const override { return how_many_workers; }
    const std::filesystem::path& scratch() override { return nowhere_; }
    void log(std::string_view line) override { logged.emplace_back(line); }
    bool cancelled() const override { return ++looks > looks_before_cancel && looks_before_cancel >= 0; }
    void progress(double) override {}

    std::vector<std::string> logged;
    int looks_before_cancel = -1;  // cancelled() says true from this call on; -1 = never
    mutable int looks = 0;
    std::filesystem::path directory;  // of the definition
    std::uint32_t which_worker = 0;
    std::uint32_t how_many_workers = 1;

private:
    Document parameters_;
    int attempt_;
    std::filesystem::path nowhere_;
};

}  // namespace penstock::test
