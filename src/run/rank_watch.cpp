#include "run/rank_watch.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock {

RankWatch::RankWatch(const std::vector<Peer>& peers, Nanoseconds timeout) : timeout_(timeout) {
    for (const Peer& peer : peers) {
        if (watched_.size() <= peer.rank) watched_.resize(peer.rank + 1);
        Watched& w = watched_[peer.rank];
        w.rank = peer.rank;
        w.gone = false;
        if (peer.pid == 0) continue;
        w.process = static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0));
        w.ended = w.process < 0 && errno == ESRCH;  // its parent has buried it already
    }
}

RankWatch::~RankWatch() {
    for (const Watched& w : watched_)
        if (w.process >= 0) close(w.process);
}

void RankWatch::heard(std::uint32_t rank) {
    if (rank < watched_.size()) watched_[rank].heard = watching_;
}

std::vector<RankWatch::Loss> RankWatch::look(Nanoseconds now) {
    if (last_look_ != 0) watching_ += std::min(now - last_look_, kMostATurn);
    last_look_ = now;
    if (now < next_processes_) return {};
    next_processes_ = now + kProcessInterval;
    std::vector<Loss> lost;
    for (Watched& w : watched_) {
        if (w.gone) continue;
        if (has_ended(w))
            lost.push_back({w.rank, "its process has ended"});
        else if (watching_ - w.heard > timeout_)
            lost.push_back(
                {w.rank, "nothing has been heard of it for " + std::to_string(timeout_ / 1'000'000'000) + " s"});
        else
            continue;
        w.gone = true;
    }
    return lost;
}

void RankWatch::forget(std::uint32_t rank) {
    if (rank < watched_.size()) watched_[rank].gone = true;
}

bool RankWatch::has_ended(const Watched& w) const {
    if (w.process < 0) return w.ended;
    pollfd one{w.process, POLLIN, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

}  // namespace penstock
