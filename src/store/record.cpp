#include "store/record.hpp"

namespace penstock {

std::string_view job_status_name(JobStatus status) {
    switch (status) {
        case JobStatus::waiting:
            return "waiting";
        case JobStatus::ready:
            return "ready";
        case JobStatus::running:
            return "running";
        case JobStatus::succeeded:
            return "succeeded";
        case JobStatus::failed:
            return "failed";
        case JobStatus::skipped:
            return "skipped";
    }
    return "unknown";
}

}  // namespace penstock
