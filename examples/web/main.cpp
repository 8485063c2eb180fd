// The `penstock` of this example: the built-in worker types and four of its own.
#include "downloader.hpp"
#include "text_workers.hpp"

#include <penstock/penstock.hpp>

int main(int argc, char** argv) {
    return penstock::Application<web::Downloader, web::GetTextAndWords, web::GetLinks, web::TotalCounts>{}.run(argc,
                                                                                                               argv);
}
