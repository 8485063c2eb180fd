// Where the outputs are that earlier launches have stored: rank 0's answer to a broker that asks.
#pragma once

#include "core/job_history.hpp"
#include "protocol/messages.hpp"

namespace penstock {

// `kept`: of that pipeline; null when nothing is known of it.
msg::StoredAt stored_at(const msg::FindStored& question, const Resumption* kept);

}  // namespace penstock
