// Jobs as people name them: [PIPELINE[INSTANCE]/]JOB[INSTANCE], or [PIPELINE[INSTANCE]/]JOB#NUMBER.
//
// Labels of instances may hold any text, so references are never taken apart: they are compared with the labels of the
// jobs there are.
#pragma once

#include "store/results.hpp"

#include <string>
#include <vector>

namespace penstock {

// "sweep/simulate[seed=0]"; of a --for-each pipeline "page[url=x]/download".
std::string full_label(const JobRow& row);

// The rows that `reference` may mean. Tried in this order, the first that fits any row counts: the full label, without
// the pipeline's instance, without the pipeline, and each of them without the job's instance; at last JOB#NUMBER.
std::vector<const JobRow*> jobs_meant(const std::vector<JobRow>& rows, const std::string& reference);

// Labels near to `reference`, best first.
std::vector<std::string> near_labels(const std::vector<JobRow>& rows, const std::string& reference);

}  // namespace penstock
