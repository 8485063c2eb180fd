// What a message must be for those who get it to rely on: truth values that are 0 or 1, enumerations within their
// names, numbers of templates within their plan. It comes from another process, which may be anything. Whether jobs and
// pipelines are known, and whether now is the time, is for the roles to say.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "core/structure.hpp"
#include "protocol/messages.hpp"

namespace penstock {

// All of them throw WireError.
void check_flag(const bool& flag);

// Messages that are copied as they lie in memory: each with a truth value needs its line here.
template <class Message>
void check(const Message&) {}
inline void check(const msg::Ready& m) { check_flag(m.located); }
inline void check(const msg::Returned::Item& m) { check_flag(m.located); }
inline void check(const msg::Assign& m) {
    check_flag(m.located);
    check_flag(m.reserved);
}
inline void check(const msg::Recall& m) {
    check_flag(m.end_running);
    check_flag(m.no_followers);
}
inline void check(const JobHistory::Kept& kept) { check_flag(kept.succeeded); }

void check(const Structure& structure);
// The parts of a plan that every block has, and then each block of templates.
void check_header(const Plan& plan);
void check_block(const Plan& plan, std::uint32_t first, std::uint32_t last);

}  // namespace penstock
