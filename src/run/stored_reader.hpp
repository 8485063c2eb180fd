// Reads outputs that earlier launches have stored, on a thread of its own: HDF5 and disks are not for the pump.
//
// Bounded by who asks: one request for each input of a job that waits for its inputs, and the router's credit limits
// those. The thread starts with the first request. Threads: the pump's, but for the reading itself.
#pragma once

#include "store/stored_values.hpp"

#include <penstock/value.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

struct StoredRequest {
    struct Place {
        std::uint32_t file = 0;  // of `files`, or beyond them: nowhere
        std::uint32_t row = 0;
    };
    std::uint64_t request = 0;
    std::string key;
    std::vector<std::string> files;
    std::vector<Place> places;
};

struct StoredAnswer {
    std::uint64_t request = 0;
    std::vector<std::optional<Value>> values;  // one a place
    std::string error;                         // then there are none
    std::string file;                          // which could not be read
};

class StoredReader {
public:
    explicit StoredReader(std::function<void()> wake) : wake_(std::move(wake)) {}
    ~StoredReader();

    void ask(StoredRequest request);
    std::vector<StoredAnswer> take();

private:
    void read_all();
    StoredAnswer read(const StoredRequest& request);

    std::function<void()> wake_;
    std::mutex mutex_;
    std::condition_variable asked_;
    std::deque<StoredRequest> requests_;
    std::vector<StoredAnswer> answers_;
    bool stopping_ = false;
    const std::unique_ptr<StoredValues> values_ = StoredValues::make();  // the thread's
    std::thread thread_;
};

}  // namespace penstock
