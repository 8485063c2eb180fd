// Several segments of one writer become one.
#pragma once

#include "store/segment_tables.hpp"
#include "store/source.hpp"

namespace penstock {

// The rows of `from` behind those of `to`.
void append_segment(SegmentTables& to, Source& from);

}  // namespace penstock
