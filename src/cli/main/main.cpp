// The stock program: the built-in worker types and nothing else.
#include <penstock/application.hpp>

int main(int argc, char** argv) { return penstock::Application<>{}.run(argc, argv); }
