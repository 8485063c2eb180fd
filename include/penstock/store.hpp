// Where results go, and where missing keys may come from: the interface a program can implement itself.
//
// One Store object lives in each broker and saves what its jobs make; one at the router calls finish(). A broker whose
// jobs need keys from the store has one more, which only retrieves. Calls on one object never overlap. Records of jobs
// (status, attempts, times) are kept by Penstock itself in every case; a Store holds the values. Errors: an exception
// from save() fails the attempt whose document it was given; one from retrieve() fails the job that asked; what was
// flushed before stays.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// Whose values are meant.
struct Scope {
    std::string pipeline;           // name of the pipeline
    std::string pipeline_instance;  // "" unless the pipeline was submitted by --for-each
    std::string job;                // name of the job; "" = the pipeline's own data
    std::string instance;           // "seed=0,beta=0.1"; "" for a job without for-each
};

class Store {
public:
    virtual ~Store() = default;

    // The values of `keys` that this scope has; keys it does not have are absent from the result. Brokers ask for keys
    // that a job needs and nothing else gives, of their pipeline (scope.job is ""). PipelineManager::results() and
    // rows() ask the router's object for what a job made: without an answer they find nothing.
    virtual Document retrieve(const Scope& scope, const std::vector<std::string>& keys) = 0;

    // One job succeeded and made `document` (already limited to the keys of `save:`).
    virtual void save(const Scope& scope, std::string_view worker, const Document& document) = 0;

    // One sample of host and process figures of one rank. The default keeps nothing.
    virtual void save_monitoring(std::string_view rank_name, const Document& sample) {
        (void)rank_name;
        (void)sample;
    }

    // Makes everything saved so far durable (synced to disk). The jobs saved before count as durable afterwards.
    virtual void flush() = 0;

    // At the router, once, when all brokers have flushed and ended: bring the parts together.
    virtual void finish() {}
};

}  // namespace penstock
