// The `penstock` of this example: the built-in worker types and the three of a parallel bzip2.
#include "blocks.hpp"
#include "bzip2.hpp"

#include <penstock/penstock.hpp>

int main(int argc, char** argv) {
    return penstock::Application<compress::ReadBlocks, compress::Bzip2, compress::WriteBlocks>{}.run(argc, argv);
}
