#include "exec/task.hpp"

namespace penstock {

std::string_view end_reason_name(EndReason reason) {
    switch (reason) {
        case EndReason::succeeded:
            return "succeeded";
        case EndReason::exception:
            return "exception";
        case EndReason::missing_key:
            return "missing-key";
        case EndReason::bad_output:
            return "bad-output";
        case EndReason::exit_code:
            return "exit-code";
        case EndReason::signal:
            return "signal";
        case EndReason::timeout:
            return "timeout";
        case EndReason::memory:
            return "memory";
        case EndReason::lost_broker:
            return "lost-broker";
        case EndReason::cancelled:
            return "cancelled";
        case EndReason::store:
            return "store";
    }
    return "unknown";
}

}  // namespace penstock
