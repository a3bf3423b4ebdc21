// What `sim run` prints: one screen for one layer, a table for several.
#pragma once

#include <string>
#include <vector>

#include "core/mapping/traffic_gap.h"
#include "run/layer_result.h"
#include "run/network_result.h"
#include "run/run_config.h"

namespace bitjoule {

/// What is said beside the time of an estimate, after a space; empty of a simulation.
std::string estimate_text(const RunConfig& run);

/// `results` as LayerRunner::run_all has them.
std::string run_summary(const RunConfig& run, const std::vector<LayerResult>& results);

/// Bytes of each tensor that cross the DRAM's pins, and the padding to bursts.
std::string traffic_text(const DramTraffic& traffic);

/// What the oracle says of outputs.
std::string check_text(const OutputCheck& check);

/// "array_busy 61.0 %, dram_read 39.0 %", the most first.
std::string stalls_text(const StallBreakdown& stalls);

/// "mine on edge-16x16"; of a run without a name, its machine.
std::string run_title(const std::string& name, const std::string& machine);
/// What bounds a run, what one would have to enlarge, and how the DMA fared.
std::string bound_text(const BoundEvidence& evidence);

/// What has no price in one of the layers, "array_wires, dram.standby"; empty where all has one.
std::string unpriced_text(const RunConfig& run, const std::vector<LayerResult>& layers);
/// What their energies are in.
PriceUnit price_unit_of(const std::vector<LayerResult>& layers);
/// What the energy of layers consists of: "dynamic", "dynamic and static".
const char* energy_kinds(const std::vector<LayerResult>& layers);
/// "; 1.2 mJ to 3.4 mJ if every price is off by its factor"; where no price states one, that the
/// energy is good for ratios alone.
std::string bounds_text(const std::vector<LayerResult>& layers);
/// A line for each note of the layers' energy (EnergyReport::notes), once.
std::string energy_notes(const std::vector<LayerResult>& layers);
/// "a zero in 12 % of the MACs (...)", counted or assumed; empty: neither.
std::string multipliers_text(const RunConfig& run, const std::vector<LayerResult>& layers);
/// "1.2 W on average, 80 mW of it leakage and standby; at most 1.5 W".
std::string power_text(const RunConfig& run, const std::vector<LayerResult>& layers);
/// "12.3 mm2 (8.1 to 20) by chip-45nm"; empty where the energy table has no areas.
std::string area_line(const RunConfig& run);

/// A network: per kind of layer, the largest layers, memory, tokens.
std::string network_summary(const RunConfig& run, const NetworkResult& network);

/// `sim explain` simulates layers of at most so many bursts: a few seconds' work.
inline constexpr std::int64_t kExplainedBursts = std::int64_t{1} << 24;

/// What `sim explain` prints: the mapping, what it implies, and why the others lost. `simulated`:
/// the layer by this mapping; null where that has more than kExplainedBursts.
std::string explain_text(const RunConfig& run, const MappingProblem& unset, const Mapping& mapping,
                         const LayerOutcome* simulated);

/// Tile sizes and loop orders on one line; the machine's setting, where it has several.
std::string mapping_text(const AcceleratorConfig& machine, const MachineSetting& setting,
                         const Tiling& tiling);

/// How close to the best a mapping is proven to be: "within 0.25 % of the best".
std::string gap_text(double gap);

/// "1.1 times by the objective, 1.35 times by two tiles in a buffer"; empty where there are none.
std::string constraints_text(const std::vector<TrafficConstraint>& constraints);

/// explain_text() of a network in short: each distinct layer with MACs, its mapping and its cost.
std::string explain_network_text(const RunConfig& run);

}  // namespace bitjoule
