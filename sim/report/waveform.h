// Files for viewers: VCD (GTKWave) and Chrome-trace JSON (Perfetto).
#pragma once

#include <string>

#include "core/clock.h"
#include "core/result/trace.h"

namespace bitjoule {

/// A value change dump (IEEE 1364, 21.7) in picoseconds; scopes follow the dots of the names. Sorts
/// the trace.
std::string vcd_text(Trace& trace, const Clock& clock, const std::string& comment);

/// One track per unit, times in microseconds (Trace Event Format, complete events, of which none
/// overlaps another of its track). `name` is the process's.
std::string timeline_text(const Trace& trace, const Clock& clock, const std::string& name);

}  // namespace bitjoule
