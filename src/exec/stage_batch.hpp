// What a worker of a stage is asked to do with one ticket, and what it answers: the document of the ticket and the
// outputs of its outcome.
//
// The lane of a stage's worker is given one ticket after another; the object that serves them (a StageWorker) lives in
// the lane's worker process or on its thread from the first ticket of its stream job until a ticket of another one. A
// ticket of a source, or one whose item makes very many results, is answered before all is done (`more`), so that
// results leave while the rest is being made; Do::go_on asks for the rest.
#pragma once

#include "core/stage.hpp"
#include "core/stream_items.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

struct StageRequest {
    enum class Do : std::uint8_t {
        items,   // on_item() for each
        start,   // of a source: generate()
        go_on,   // what `more` promised
        finish,  // of a fold
        wake,    // of a running fold: on_wake()
    };
    Do what = Do::items;
    std::uint64_t stream_job = 0;  // of this start of the stage at this broker: another number = another worker object
    std::uint32_t worker = 0;      // of the stage's workers
    std::uint32_t workers = 1;
    bool continues = false;  // items of this stream job have been worked on before: a fold that has lost its state
                             // (another process) must not go on
    FoldPart part = FoldPart::whole;
    bool wants_state = false;  // of a fold: its snapshot() after these items
    // A fold that has lost its state goes on from here: a fresh object is given the snapshot, if there is one, and
    // the first `replayed` items, which do not count as items of this request.
    bool restores = false;
    std::optional<Value> state;
    std::uint32_t replayed = 0;
    // Do::start: leave out so many items, skip(). Do::items: so many results of the first one have left before, and are
    // left out.
    std::uint64_t skip = 0;
    StreamItems items;
};

struct StageAnswer {
    StreamItems items;  // the results, in order
    bool more = false;
    // Items of the request that are done with; all of them unless one failed or `more`. Counted from the beginning of
    // the request in every answer to it.
    std::uint32_t done = 0;
    // Of the item after those: so many of its results have left, in answers with `more` or before the request. Not 0
    // only for an item that makes more than fits one answer; results of all others leave when the item is done with.
    std::uint64_t released = 0;
    std::optional<std::string> error;  // of the item after those (or of start(), finish(), generate()): what() of it
    bool lost = false;                 // the error is that the state of a fold is lost: it can be restored
    std::optional<Value> state;        // as asked for
    std::optional<double> wake_after_s;
    bool fatal = false;  // the error is not an item's: of start(), finish(), generate(), or a lost state
};

Document to_document(StageRequest request);
StageRequest stage_request(Document document);  // throws ValueError
bool goes_on(const Document& request);          // is it Do::go_on
Document to_document(StageAnswer answer);
StageAnswer stage_answer(Document document);  // throws ValueError

}  // namespace penstock
