// The floor of a task farm over MPI: one master, one worker, one 64-byte request outstanding, nothing else.
// usage: mpirun -n 2 mpi_floor [REQUESTS]
// Prints requests per second.
//
// And of a stream: messages of so many bytes in one direction, from one buffer to another.
// usage: mpirun -n 2 mpi_floor MESSAGES BYTES
// Prints bytes per second.
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

void transfer(int rank, long messages, int bytes) {
    std::vector<char> message(static_cast<std::size_t>(bytes), 'x');
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    for (long i = 0; i < messages; ++i) {
        if (rank == 0)
            MPI_Send(message.data(), bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        else if (rank == 1)
            MPI_Recv(message.data(), bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) std::printf("%.0f bytes/s\n", static_cast<double>(messages) * bytes / (MPI_Wtime() - start));
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    const long requests = argc > 1 ? std::atol(argv[1]) : 1'000'000;
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 2) {
        transfer(rank, requests, std::atoi(argv[2]));
        MPI_Finalize();
        return 0;
    }
    char message[64] = {};
    const double start = MPI_Wtime();
    for (long i = 0; i < requests; ++i) {
        if (rank == 0) {
            MPI_Send(message, sizeof message, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
            MPI_Recv(message, sizeof message, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else if (rank == 1) {
            MPI_Recv(message, sizeof message, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(message, sizeof message, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
        }
    }
    if (rank == 0) std::printf("%.0f requests/s\n", static_cast<double>(requests) / (MPI_Wtime() - start));
    MPI_Finalize();
}
