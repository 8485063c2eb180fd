// A rank that does not keep to the rules, for launches beside good ones. PENSTOCK_BAD_PEER says how:
//   garbage   before it begins like any other rank it sends all others frames that are none, cut short, of another
//   version,
//             of unknown kinds, and messages that a broker never sends
//   version   it says at start that it speaks another version of the messages
//   short, long, never
//             it announces items to rank 2, and sends fewer bytes, or more, or none
#include "exec/stage_items.hpp"
#include "exec/zygote.hpp"
#include "mpi/wire.hpp"
#include "run/run.hpp"
#include "workers/builtin.hpp"

#include <penstock/version.hpp>

#include <boost/archive/binary_oarchive.hpp>
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <mpi.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace penstock;

namespace {

constexpr int kFactsTag = 10, kLayoutTag = 11, kFrameTag = 1;

std::vector<char> frame_of(const std::vector<Message>& messages) {
    FrameWriter writer;
    for (const Message& m : messages) writer.add(m);
    return writer.take({});
}

std::vector<std::vector<char>> bad_frames() {
    std::mt19937 random(7);
    const std::vector<char> sound =
        frame_of({RouterMessage(msg::Ended{{PipelineId(1), JobIndex(0), 1}, true, 1, 1, 5, false, ""})});
    std::vector<std::vector<char>> frames{{}, {'x'}, std::vector<char>(5000)};
    for (char& c : frames.back()) c = static_cast<char>(random());
    frames.push_back({sound.begin(), sound.end() - 3});  // cut short
    frames.push_back(sound);
    frames.back()[0] = 99;  // the version
    frames.push_back(sound);
    frames.back()[4] = 17;  // the role
    frames.push_back(sound);
    frames.back()[5] = 99;  // the kind of message
    // What decodes, and only the router or a pipeliner may say.
    frames.push_back(frame_of({RouterMessage(msg::Skipped{{PipelineId(1), JobIndex(0), 10}, JobIndex(0)})}));
    frames.push_back(frame_of({PipelinerMessage(msg::Stop{})}));
    frames.push_back(frame_of({BrokerMessage(msg::Stop{}), BrokerMessage(msg::Recall{0xffffffff})}));
    // What a broker may say, of jobs that there are not.
    frames.push_back(
        frame_of({RouterMessage(msg::Ended{{PipelineId(77), JobIndex(5), 9}, true, 1, 1, 5, false, ""}),
                  RouterMessage(msg::Durable{1ull << 60}),
                  RouterMessage(msg::Returned{{{{PipelineId(1), JobIndex(0), 4'000'000'000}, TemplateIndex(9)}}}),
                  PipelinerMessage(msg::Ended{{PipelineId(77), JobIndex(5), 9}, true, 1, 1, 5, false, ""}),
                  PipelinerMessage(msg::Locate{9, PipelineId(77), {{PipelineId(77), JobIndex(5), 9}}}),
                  BrokerMessage(msg::Fetched{99, {}}), BrokerMessage(msg::FetchedChunk{99, 1ull << 60, 5, {}}),
                  BrokerMessage(msg::ChunkTaken{99, 7})}));
    return frames;
}

// Without waiting: nobody listens before all have begun.
void send_garbage(int ranks, int me) {
    static const std::vector<std::vector<char>> frames = bad_frames();
    for (int to = 0; to < ranks; ++to) {
        if (to == me) continue;
        for (const std::vector<char>& frame : frames) {
            MPI_Request request = MPI_REQUEST_NULL;
            MPI_Isend(frame.data(), static_cast<int>(frame.size()), MPI_BYTE, to, kFrameTag, MPI_COMM_WORLD, &request);
            MPI_Request_free(&request);
        }
    }
}

// The first frame that rank 2 gets of this one, and its payload.
void send_wrong_payload(std::string_view how) {
    constexpr int kReceiver = 2, kPayloadTag = 64;
    constexpr std::size_t kAnnounced = 100'000;
    ItemsWriter items;
    append_item(Value(std::string(kAnnounced, 'x')), items);
    const auto announced = std::make_shared<const StreamItems>(items.take());
    static const std::vector<char> frame =
        frame_of({BrokerMessage(msg::StreamItems{PipelineId(1), JobIndex(0), JobIndex(1), 0, true, announced, 0})});
    static const std::vector<char> payload(2 * kAnnounced);
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(frame.data(), static_cast<int>(frame.size()), MPI_BYTE, kReceiver, 1, MPI_COMM_WORLD, &request);
    MPI_Request_free(&request);
    if (how == "never") return;
    MPI_Isend(payload.data(), how == "short" ? 5 : static_cast<int>(payload.size()), MPI_BYTE, kReceiver, kPayloadTag,
              MPI_COMM_WORLD, &request);
    MPI_Request_free(&request);
}

int speak_another_version() {
    boost::mpi::environment environment(boost::mpi::threading::funneled, true);
    const boost::mpi::communicator world;
    std::ostringstream out;
    {
        boost::archive::binary_oarchive ar(out, boost::archive::no_header);
        const std::uint32_t wire = kWireVersion + 1;
        const std::string version = "99.0.0";
        ar << wire << version;
    }
    world.send(0, kFactsTag, out.str());
    std::string all;
    world.recv(0, kLayoutTag, all);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const WorkerTypes types = builtin_worker_types();
    serve_if_zygote(argc, argv, types);
    const char* given = std::getenv("PENSTOCK_BAD_PEER");
    if (given != nullptr && std::string_view(given) == "version") return speak_another_version();
    const auto session = open_session(types, Zygote::fork_now(types), 1, std::nullopt);
    const auto request = session->agree(std::nullopt);
    if (!request) return 0;
    const std::string_view how = given == nullptr ? "garbage" : given;
    if (how == "garbage")
        send_garbage(static_cast<int>(session->launch().ranks), static_cast<int>(session->launch().rank));
    else
        send_wrong_payload(how);
    RunObserver nobody;
    session->run(*request, nobody, nullptr);
    session->close();
    return 0;
}
