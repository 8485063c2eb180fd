// What a faulty driver does to the messages on their way.
#pragma once

#include "sim/random.hpp"
#include "sim/scenario.hpp"

#include "protocol/messages.hpp"

#include <map>
#include <vector>

namespace penstock::sim {

// Changes a frame as the fault of the scenario would; `done` is for faults that happen once.
// An Ended says that it is of the epoch that pipeliners have heard of last.
void make_current(Envelope& e, std::map<PipelineId, std::uint32_t>& epochs);
// What is sent from one job of a stream to another says that it is of the epoch in which it was placed last.
void make_items_current(Envelope& e, std::map<PipelineId, std::uint32_t>& epochs);

void spoil(Fault fault, std::vector<Envelope>& frame, Random& random, bool& done);

}  // namespace penstock::sim
