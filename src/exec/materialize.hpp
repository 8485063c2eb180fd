// From a ticket to what process() is given: keys looked up by the bindings, placeholders filled in.
#pragma once

#include "exec/task.hpp"
#include "value/placeholders.hpp"  // placeholder_names, placeholder_pieces

#include <functional>
#include <stdexcept>
#include <string>

namespace penstock {

// A needed key has no value; the message names key and job.
class MissingKey : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct Materialized {
    // What the ticket of a stage has instead of `document`: the ticket's own, so that items are not copied.
    const Document* batch = nullptr;
    const Document& given() const { return batch != nullptr ? *batch : document; }

    Document document;    // keys with in_document
    Document parameters;  // `with:`; placeholders filled in unless `keep_placeholders`
    Document scope;       // every bound key, for types that fill in placeholders themselves; else empty
};

// `retrieve` serves Binding::From::store keys; may be null.
using Retrieve = std::function<Document(const std::vector<std::string>& keys)>;
Materialized materialize(const Ticket& ticket, bool keep_placeholders, const Retrieve& retrieve = nullptr);

// "{name}" -> plain_text of its value; "{{" and "}}" -> braces. A string that is one placeholder as a whole becomes the
// value itself, whatever its type. `lookup` throws MissingKey.
using Lookup = std::function<Value(std::string_view name)>;
Value fill_placeholders(const Value& value, const Lookup& lookup);

}  // namespace penstock
