#include "exec/stage_batch.hpp"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <utility>

namespace penstock {

namespace {

[[noreturn]] void damaged(std::string_view what) {
    throw ValueError(fmt::format("a batch of items of a stage is damaged: {}", what));
}

void put_items(StreamItems items, Document& document) {
    document.emplace("sizes", Array::of<std::uint32_t>(items.sizes));
    // Shared, not copied: an array of bytes.
    document.emplace("items", Array(ElementType::uint8, {items.bytes.size()}, items.bytes.owner(), items.bytes.span()));
}

StreamItems items_of(const Document& document) {
    const Array& sizes = at(document, "sizes").array();
    if (sizes.shape().size() != 1) damaged("the sizes of its items are no list of numbers");
    const auto elements = sizes.as<std::uint32_t>();
    StreamItems items;
    items.sizes.assign(elements.begin(), elements.end());
    auto bytes = std::make_shared<const Array>(at(document, "items").array());
    if (bytes->type() != ElementType::uint8) damaged("its items are no bytes");
    const std::span<const std::byte> span = bytes->bytes();
    items.bytes = SharedBytes(std::move(bytes), span);
    if (std::accumulate(elements.begin(), elements.end(), std::uint64_t{0}) != items.bytes.size())
        damaged("its items are not as long as it says");
    return items;
}

std::uint32_t count_at(const Document& document, std::string_view key) {
    const std::int64_t number = at(document, key).int64();
    if (number < 0 || number > std::numeric_limits<std::uint32_t>::max()) damaged(fmt::format("its {}", key));
    return static_cast<std::uint32_t>(number);
}

// All 64 bits of a number, which int64 has room for.
Value as_value(std::uint64_t number) { return static_cast<std::int64_t>(number); }

void expect_keys(const Document& document, std::size_t count) {
    if (document.size() != count) damaged(fmt::format("it has {} keys and not {}", document.size(), count));
}

}  // namespace

Document to_document(StageRequest request) {
    Document document{{"what", static_cast<std::int64_t>(request.what)},
                      {"stream-job", as_value(request.stream_job)},
                      {"worker", request.worker},
                      {"workers", request.workers},
                      {"continues", request.continues}};
    // What few requests have costs the others nothing.
    if (request.part != FoldPart::whole) document.emplace("part", static_cast<std::int64_t>(request.part));
    if (request.wants_state) document.emplace("wants-state", true);
    if (request.restores) document.emplace("replayed", request.replayed);
    if (request.state) document.emplace("state", std::move(*request.state));
    if (request.skip != 0) document.emplace("skip", as_value(request.skip));
    put_items(std::move(request.items), document);
    return document;
}

bool goes_on(const Document& request) {
    const auto what = request.find("what");
    return what != request.end() && what->second == Value(static_cast<std::int64_t>(StageRequest::Do::go_on));
}

StageRequest stage_request(Document document) {
    StageRequest request;
    const std::uint32_t what = count_at(document, "what");
    if (what > static_cast<std::uint32_t>(StageRequest::Do::wake)) damaged("it asks for something unknown");
    request.what = static_cast<StageRequest::Do>(what);
    request.stream_job = static_cast<std::uint64_t>(at(document, "stream-job").int64());
    request.worker = count_at(document, "worker");
    request.workers = count_at(document, "workers");
    if (request.worker >= request.workers) damaged("it is for a worker that the stage does not have");
    request.continues = at(document, "continues").boolean();
    std::size_t keys = 7;
    if (document.contains("part")) {
        ++keys;
        const std::uint32_t part = count_at(document, "part");
        if (part > static_cast<std::uint32_t>(FoldPart::combines)) damaged("it is of an unknown part");
        request.part = static_cast<FoldPart>(part);
    }
    if (document.contains("wants-state")) {
        ++keys;
        request.wants_state = at(document, "wants-state").boolean();
    }
    if (document.contains("replayed")) {
        ++keys;
        request.restores = true;
        request.replayed = count_at(document, "replayed");
    }
    if (const auto state = document.find("state"); state != document.end()) {
        ++keys;
        request.state = std::move(state->second);
    }
    if (const auto skip = document.find("skip"); skip != document.end()) {
        ++keys;
        request.skip = static_cast<std::uint64_t>(skip->second.int64());
    }
    request.items = items_of(document);
    if (request.replayed > request.items.count()) damaged("it has fewer items than are to be replayed");
    if (request.what != StageRequest::Do::items && request.replayed != request.items.count())
        damaged("it has items to no purpose");
    expect_keys(document, keys);
    return request;
}

Document to_document(StageAnswer answer) {
    Document document{{"more", answer.more},
                      {"done", answer.done},
                      {"released", as_value(answer.released)},
                      {"error", answer.error ? Value(std::move(*answer.error)) : Value()},
                      {"fatal", answer.fatal}};
    if (answer.lost) document.emplace("lost", true);
    if (answer.state) document.emplace("state", std::move(*answer.state));
    if (answer.wake_after_s) document.emplace("wake-after", *answer.wake_after_s);
    put_items(std::move(answer.items), document);
    return document;
}

StageAnswer stage_answer(Document document) {
    StageAnswer answer;
    answer.more = at(document, "more").boolean();
    answer.done = count_at(document, "done");
    answer.released = static_cast<std::uint64_t>(at(document, "released").int64());
    if (const Value& error = at(document, "error"); !error.is_null()) answer.error = error.string();
    answer.fatal = at(document, "fatal").boolean();
    if (answer.more && answer.error) damaged("it goes on after an error");
    if (answer.fatal && !answer.error) damaged("it has an error that says nothing");
    std::size_t keys = 7;
    if (document.contains("lost")) {
        ++keys;
        answer.lost = at(document, "lost").boolean();
    }
    if (const auto state = document.find("state"); state != document.end()) {
        ++keys;
        answer.state = std::move(state->second);
    }
    if (document.contains("wake-after")) {
        ++keys;
        answer.wake_after_s = at(document, "wake-after").number();
    }
    answer.items = items_of(document);
    expect_keys(document, keys);
    return answer;
}

}  // namespace penstock
