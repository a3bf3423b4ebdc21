// A file for GTKWave and other viewers of waveforms.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/result/trace.h"

namespace bitjoule {

/// A value change dump (IEEE 1364, 21.7) in picoseconds; scopes follow the dots of the names. Sorts
/// the trace.
std::string vcd_text(Trace& trace, const Clock& clock, const std::string& comment);

}  // namespace bitjoule
