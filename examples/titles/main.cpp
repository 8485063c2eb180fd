// The `penstock` of this example: the built-in worker types and three stages of its own.
#include "title_workers.hpp"

#include <penstock/penstock.hpp>

int main(int argc, char** argv) {
    return penstock::Application<titles::Fetch, titles::Title, titles::MostCommon>{}.run(argc, argv);
}
