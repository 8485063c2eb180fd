// What a role sent, as text: a test states all of it in order, so that anything else sent is a failure too.
#pragma once

#include "protocol/messages.hpp"

#include <string>
#include <vector>

namespace penstock::test {

using Lines = std::vector<std::string>;

// "3: Assign 1:[0,5) t0 attempt 1" for each message, with the receiver in front; empties the outbox.
inline Lines sent(Outbox& out) {
    Lines lines;
    for (const Envelope& e : out.take()) lines.push_back(std::to_string(e.to) + ": " + describe(e.message));
    return lines;
}

// The messages of one type, in order; empties the outbox.
template <class M, class Inbox>
std::vector<M> sent_of(Outbox& out) {
    std::vector<M> found;
    for (const Envelope& e : out.take())
        if (const auto* inbox = std::get_if<Inbox>(&e.message))
            if (const auto* m = std::get_if<M>(inbox)) found.push_back(*m);
    return found;
}

}  // namespace penstock::test
