#include "mpi/doorbells.hpp"

#include <algorithm>
#include <new>
#include <numeric>

namespace penstock {

namespace {
constexpr MPI_Aint kCacheLine = 64;  // a word each: ranks that ring do not disturb other ranks
}

Doorbells::Doorbells(const boost::mpi::communicator& world)
    : own_rank_(static_cast<std::size_t>(world.rank())), words_(static_cast<std::size_t>(world.size())) {
    MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host_);
    MPI_Comm_set_errhandler(host_, MPI_ERRORS_RETURN);
    void* own = nullptr;
    const bool made =
        MPI_Win_allocate_shared(kCacheLine, 1, MPI_INFO_NULL, host_, static_cast<void*>(&own), &window_) == MPI_SUCCESS;
    if (!made) {
        window_ = MPI_WIN_NULL;
        return;
    }
    new (own) Waker::Word(0);
    MPI_Barrier(host_);  // nobody rings before

    int size = 0;
    MPI_Comm_size(host_, &size);
    std::vector<int> here(static_cast<std::size_t>(size));
    std::iota(here.begin(), here.end(), 0);
    std::vector<int> in_world(here.size());
    MPI_Group host_group, world_group;
    MPI_Comm_group(host_, &host_group);
    MPI_Comm_group(world, &world_group);
    MPI_Group_translate_ranks(host_group, size, here.data(), world_group, in_world.data());
    MPI_Group_free(&host_group);
    MPI_Group_free(&world_group);
    for (int i = 0; i < size; ++i) {
        MPI_Aint bytes = 0;
        int unit = 0;
        void* word = nullptr;
        MPI_Win_shared_query(window_, i, &bytes, &unit, static_cast<void*>(&word));
        words_[static_cast<std::size_t>(in_world[static_cast<std::size_t>(i)])] = static_cast<Waker::Word*>(word);
    }
    all_reach_ = std::none_of(words_.begin(), words_.end(), [](const auto* word) { return word == nullptr; });
}

Doorbells::~Doorbells() {
    if (window_ != MPI_WIN_NULL) MPI_Win_free(&window_);
    MPI_Comm_free(&host_);
}

}  // namespace penstock
