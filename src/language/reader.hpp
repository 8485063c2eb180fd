// From the text of a file to trees of nodes: YAML and JSON.
#pragma once

#include "language/node.hpp"

#include <string_view>
#include <vector>

namespace penstock {

struct SourceDocument {
    const Node* root = nullptr;
    std::string_view text;  // the part of the source it was read from
};

// All documents of a YAML stream or the one of a JSON file; empty ones are left out. What is wrong with the syntax is
// reported; the documents before it are returned all the same. A file is read as JSON when its name ends with ".json",
// or when its text is JSON.
std::vector<SourceDocument> read_documents(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                           Diagnostics& diagnostics);

// The two ways by themselves.
std::vector<SourceDocument> read_yaml(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                      Diagnostics& diagnostics);
std::vector<SourceDocument> read_json(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                      Diagnostics& diagnostics);
// The JSON value in source.text().substr(place): one line of a .jsonl file. Null when it is not JSON (reported).
const Node* read_json_value(const SourceText& source, Place place, Arena& arena, const LanguageLimits& limits,
                            Diagnostics& diagnostics);
bool is_json(std::string_view text);

// UTF-8 without control characters (else reported): what both readers ask for.
bool check_text(const SourceText& source, Diagnostics& diagnostics);

}  // namespace penstock
