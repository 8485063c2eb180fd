// Wakes ranks of the same host: MPI itself wakes nobody, and a rank that has to look for messages all the time costs a
// part of a core, or answers late.
//
// Each rank sleeps on a word in memory that the ranks of its host share (a window of MPI-3); whoever sends to it wakes
// it there. Ranks of other hosts cannot, and for them a rank still looks now and then.
#pragma once

#include "run/waker.hpp"

#include <boost/mpi/communicator.hpp>

#include <cstdint>
#include <vector>

namespace penstock {

class Doorbells {
public:
    // Collective over `world`, as is the destructor. Without shared memory there are no doorbells, and all else works.
    explicit Doorbells(const boost::mpi::communicator& world);
    ~Doorbells();
    Doorbells(const Doorbells&) = delete;
    Doorbells& operator=(const Doorbells&) = delete;

    Waker::Word* own() const { return words_[own_rank_]; }  // null = none
    // Every rank of the launch can wake this one.
    bool all_reach() const { return all_reach_; }
    // Does nothing for a rank of another host.
    void ring(std::uint32_t rank) const {
        if (words_[rank] != nullptr) Waker::wake(*words_[rank]);
    }

private:
    std::size_t own_rank_;
    std::vector<Waker::Word*> words_;  // by rank; null = on another host
    bool all_reach_ = false;
    MPI_Comm host_ = MPI_COMM_NULL;
    MPI_Win window_ = MPI_WIN_NULL;
};

}  // namespace penstock
