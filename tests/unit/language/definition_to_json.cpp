// Reads a definition as Penstock does and writes each of its documents as one line of JSON, for the test of the JSON
// Schema. Exit code 3: JSON cannot say what the file says (a list as a key).
#include "language/input_files.hpp"
#include "language/reader.hpp"
#include "value/value_json.hpp"

#include <iostream>

int main(int argc, char** argv) {
    using namespace penstock;
    if (argc != 2) return 2;
    std::string text, problem;
    const LanguageLimits limits;
    if (!read_file(argv[1], limits.file_bytes, text, problem)) {
        std::cerr << argv[1] << " " << problem << "\n";
        return 2;
    }
    const SourceText source(argv[1], std::move(text));
    Diagnostics diagnostics(limits.diagnostics);
    Arena arena;
    std::vector<const Node*> bad_keys;
    for (const SourceDocument& document : read_documents(source, arena, limits, diagnostics))
        std::cout << to_json(to_value(*document.root, bad_keys)) << "\n";
    if (diagnostics.errors() > 0) {
        std::cerr << render(diagnostics.take());
        return 1;
    }
    return bad_keys.empty() ? 0 : 3;
}
