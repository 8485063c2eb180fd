// The worker types of this program. Each is a class with a name, the keys it needs, those it makes, and process().
#pragma once

#include <penstock/worker.hpp>

#include <stdexcept>
#include <string_view>

class Square : public penstock::Worker {
public:
    static constexpr std::string_view kName = "Square";
    static penstock::Keys needs() { return {"x"}; }
    static penstock::Keys makes() { return {"square"}; }

    penstock::Document process(const penstock::Document& in, penstock::Context&) override {
        const auto x = at(in, "x").int64();
        return {{"square", x * x}};
    }
};

class Cube : public penstock::Worker {
public:
    static constexpr std::string_view kName = "Cube";
    static penstock::Keys needs() { return {"x", "square"}; }
    static penstock::Keys makes() { return {"cube"}; }

    penstock::Document process(const penstock::Document& in, penstock::Context& context) override {
        const auto x = at(in, "x").int64();
        if (x < 0) throw std::invalid_argument("this Cube takes no negative numbers");  // fails the job with this text
        context.log("cube of " + std::to_string(x));                                    // penstock log RUN cube
        return {{"cube", x * at(in, "square").int64()}};
    }
};
