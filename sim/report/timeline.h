// A timeline for viewers of traces: Chrome's Trace Event Format, which Perfetto opens.
#pragma once

#include <string>

#include "core/clock.h"
#include "run/timeline.h"

namespace bitjoule {

struct TimelineFile {
  std::string text;    ///< JSON; the same in `otherData.detail`:
  std::string detail;  ///< what it holds of the run, and what it leaves out
};

/// Times in microseconds. A track for the layers, one for the cause of each cycle and one per unit,
/// where a layer is the parent of its tiles; counters of DRAM bandwidth, power and what buffers
/// hold; arrows from loads to the work that waits for them and on to the stores. In detail is the
/// first run of each distinct layer, in at most kMostSlices slices. `name` is the process's.
TimelineFile timeline_file(const Timeline& timeline, const Clock& clock, const std::string& name);

inline constexpr std::size_t kMostSlices = 60000;

}  // namespace bitjoule
