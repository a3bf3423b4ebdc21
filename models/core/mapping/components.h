// The parts of the machine that cost energy: one table for counts, reports, charts and diagrams.
#pragma once

#include <string>
#include <vector>

#include "core/machine/machine.h"
#include "core/mapping/machine_counts.h"

namespace bitjoule {

struct ComponentRow {
  const char* name;                     ///< in counts, energies and metrics: "weight_buffer"
  const char* title;                    ///< in diagrams
  const char* colour;                   ///< in charts, of Okabe and Ito's palette or a shade of it
  const char* hatch;                    ///< in print, over the colour: a pattern of matplotlib
  const char* buffer;                   ///< of a buffer: its key, "weight"; else nullptr
  BufferConfig BuffersConfig::*config;  ///< of a buffer; else nullptr
  BufferCounts MachineCounts::*counts;  ///< of a buffer; else nullptr
};

/// How a part of the DRAM's energy looks in charts, where it is priced by commands and states.
struct DramPartRow {
  const char* name;  ///< in energies: "dram_activate"
  const char* colour;
  const char* hatch;
};
/// Every part that the DRAM's energy may have.
const std::vector<DramPartRow>& dram_parts();

/// In the order of reports: as operands pass them.
const std::vector<ComponentRow>& machine_components();
/// Throws an internal Error for a name that the table has not.
const ComponentRow& machine_component(const std::string& name);

}  // namespace bitjoule
