// Where definitions made in C++ are written to: JSON text, and the nodes that definition files become too.
#pragma once

#include "language/reader.hpp"
#include "value/value_json.hpp"

#include <penstock/value.hpp>

#include <string>
#include <string_view>

namespace penstock {

// Writes JSON; keys stay in the order they come in.
class JsonSink {
public:
    void begin_map() { open('{'); }
    void begin_list() { open('['); }
    void end_map() { close('}'); }
    void end_list() { close(']'); }
    void key(std::string_view text) {
        separate();
        text_ += to_json(Value(text)) + ": ";
        first_ = true;  // no comma between a key and its value
    }
    void value(const Value& value) {
        separate();
        text_ += to_json(value);
    }
    std::string take() { return std::move(text_); }

private:
    void separate() {
        if (!first_) text_ += ", ";
        first_ = false;
    }
    void open(char bracket) {
        separate();
        text_ += bracket;
        first_ = true;
    }
    void close(char bracket) {
        text_ += bracket;
        first_ = false;
    }

    std::string text_;
    bool first_ = true;
};

class NodeSink {
public:
    explicit NodeSink(TreeBuilder& builder) : builder_(builder) {}
    void begin_map() { builder_.begin_map({}); }
    void begin_list() { builder_.begin_list({}); }
    void end_map() { builder_.end(); }
    void end_list() { builder_.end(); }
    void key(std::string_view text) { builder_.add_string({}, text); }
    void value(const Value& value) {
        switch (value.type()) {
            case Value::Type::null:
                builder_.add_null({}, "null");
                break;
            case Value::Type::boolean:
                builder_.add_boolean({}, value.boolean() ? "true" : "false", value.boolean());
                break;
            case Value::Type::int64:
                builder_.add_int64({}, std::to_string(value.int64()), value.int64());
                break;
            case Value::Type::float64:
                builder_.add_float64({}, number_text(value.float64(), true), value.float64());
                break;
            case Value::Type::string:
                builder_.add_string({}, value.string());
                break;
            case Value::Type::bytes:
            case Value::Type::array:
                builder_.add_value({}, value);
                break;
            case Value::Type::list:
                begin_list();
                for (const Value& item : value.list()) this->value(item);
                end_list();
                break;
            case Value::Type::map:
                begin_map();
                for (const auto& [name, item] : value.map()) {
                    key(name);
                    this->value(item);
                }
                end_map();
                break;
        }
    }

private:
    TreeBuilder& builder_;
};

}  // namespace penstock
