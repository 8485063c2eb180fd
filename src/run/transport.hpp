// Moves messages between ranks. Only the pump uses it.
#pragma once

#include "protocol/messages.hpp"

#include <vector>

namespace penstock {

class Transport {
public:
    virtual ~Transport() = default;

    // Takes a message for another rank; nothing is sent before flush().
    virtual void post(Envelope envelope) = 0;
    // Starts sending what was posted: one message a destination. Never blocks.
    virtual void flush() = 0;
    // Appends what has arrived, up to a bound. True when there was anything.
    virtual bool receive(std::vector<Envelope>& in) = 0;
    // Something posted has not left this rank yet, or has not come whole.
    virtual bool underway() const = 0;
    // All ranks have finished: waits until all that was sent has been taken. False when ranks are lost, known or not.
    virtual bool finish() = 0;
    // That rank is lost: what is on its way to it or from it is of no interest any more.
    virtual void forget(std::uint32_t rank) = 0;
    // Whether others can send to us.
    virtual bool connected() const = 0;
    // Whether all who can wake us when they do; else sleeping must be short.
    virtual bool wakes() const = 0;
};

// The transport of a run in one process: there is nobody else.
class NoTransport final : public Transport {
public:
    void post(Envelope) override {}
    void flush() override {}
    bool receive(std::vector<Envelope>&) override { return false; }
    bool underway() const override { return false; }
    bool finish() override { return true; }
    void forget(std::uint32_t) override {}
    bool connected() const override { return false; }
    bool wakes() const override { return true; }
};

}  // namespace penstock
