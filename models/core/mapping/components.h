// The parts of the machine that cost energy: one table for counts, reports, charts and diagrams.
#pragma once

#include <string>
#include <vector>

#include "core/energy/parts.h"
#include "core/machine/machine.h"
#include "core/mapping/machine_counts.h"

namespace bitjoule {

struct ComponentRow;
/// Adds what a component did in a layer, as rows for pricing (priced_actions.cpp).
using ActionsOf = void (*)(const ComponentRow& row, const MappingProblem& problem,
                           const MachineCounts& counts, Counts* actions);
/// Adds what a component consists of, which leaks and covers area (machine_parts.cpp).
using PartsOf = void (*)(const ComponentRow& row, const AcceleratorConfig& machine,
                         const std::vector<DataPath>& paths, std::vector<MachinePart>* parts);

struct ComponentRow {
  const char* name;                     ///< in counts, energies and metrics: "weight_buffer"
  const char* title;                    ///< in diagrams
  const char* colour;                   ///< in charts, of Okabe and Ito's palette or a shade of it
  const char* hatch;                    ///< in print, over the colour: a pattern of matplotlib
  const char* buffer;                   ///< of a buffer: its key, "weight"; else nullptr
  BufferConfig BuffersConfig::*config;  ///< of a buffer; else nullptr
  BufferCounts MachineCounts::*counts;  ///< of a buffer; else nullptr
  ActionsOf actions;                    ///< nullptr: another row's actions are with it
  PartsOf parts;                        ///< nullptr: parts of the array, or of the memory
};

/// How a part of the DRAM's energy looks in charts, where it is priced by commands and states.
struct DramPartRow {
  const char* name;  ///< in energies: "dram_activate"
  const char* colour;
  const char* hatch;
};
/// Every part that the DRAM's energy may have.
const std::vector<DramPartRow>& dram_parts();

namespace actions {
void of_array(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_moves(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_buffer(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_accumulators(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_dequantizer(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_output_unit(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_vector_unit(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
void of_dram(const ComponentRow&, const MappingProblem&, const MachineCounts&, Counts*);
}  // namespace actions

namespace parts {
using Paths = std::vector<DataPath>;
using Parts = std::vector<MachinePart>;
void of_array(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
void of_buffer(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
void of_unified_buffer(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
void of_dequantizer(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
void of_output_unit(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
void of_vector_unit(const ComponentRow&, const AcceleratorConfig&, const Paths&, Parts*);
}  // namespace parts

/// In the order of reports: as operands pass them.
const std::vector<ComponentRow>& machine_components();
/// Throws an internal Error for a name that the table has not.
const ComponentRow& machine_component(const std::string& name);

}  // namespace bitjoule
