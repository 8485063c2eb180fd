#include "run/stored_reader.hpp"

#include <utility>

namespace penstock {

StoredReader::~StoredReader() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    asked_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void StoredReader::ask(StoredRequest request) {
    {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(std::move(request));
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { read_all(); });
    asked_.notify_one();
}

std::vector<StoredAnswer> StoredReader::take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(answers_, {});
}

void StoredReader::read_all() {
    std::unique_lock lock(mutex_);
    for (;;) {
        asked_.wait(lock, [this] { return stopping_ || !requests_.empty(); });
        if (stopping_) return;
        const StoredRequest request = std::move(requests_.front());
        requests_.pop_front();
        lock.unlock();
        StoredAnswer answer = read(request);
        lock.lock();
        answers_.push_back(std::move(answer));
        wake_();
    }
}

StoredAnswer StoredReader::read(const StoredRequest& request) {
    StoredAnswer answer;
    answer.request = request.request;
    answer.values.resize(request.places.size());
    for (std::size_t i = 0; i < request.places.size(); ++i) {
        const StoredRequest::Place& place = request.places[i];
        if (place.file >= request.files.size()) continue;
        try {
            answer.values[i] = values_->read(request.files[place.file], place.row, request.key);
        } catch (const std::exception& error) {
            answer.error = std::string("a value of an earlier launch cannot be read: ") + error.what();
            answer.file = request.files[place.file];
            return answer;
        }
    }
    return answer;
}

}  // namespace penstock
