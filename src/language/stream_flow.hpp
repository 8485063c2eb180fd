// What a Flow is made of.
#pragma once

#include <penstock/stream_pipeline.hpp>

#include <memory>
#include <string>
#include <vector>

namespace penstock {

// A stage in its place. Never changed: what lies behind it refers to it.
struct Flow::Node {
    StageSpec stage;
    std::vector<std::shared_ptr<const Node>> from;
    std::string merge;
    bool open = false;  // it takes what a flow before it makes, or what the driver function puts
};

struct StreamPipeline::Placed {
    std::string name;
    StageSpec stage;
    std::vector<std::string> from;
    std::string merge;
    bool sink = false;
};

}  // namespace penstock
