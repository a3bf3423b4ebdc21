// Everything known about one simulated layer, and about a run of several.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/energy/price.h"
#include "core/mapping/mapper.h"
#include "core/numeric/quality.h"
#include "core/result/costs.h"
#include "core/result/layer_outcome.h"
#include "run/operands.h"

namespace bitjoule {

/// How the outputs compare with the oracle, and with float64 before quantization.
struct OutputCheck {
  std::int64_t outputs = 0, checked = 0, wrong = 0;
  std::string first_difference;  ///< index, value, expected; empty where there is none
  std::int64_t overflows = 0;    ///< sums that left the 32-bit accumulators
  Quality error;

  /// Counts what was checked of both; errors, and the first difference, stay those of the first.
  OutputCheck& operator+=(const OutputCheck& more);
};

/// The output tensor: NHWC, or [group][m][n].
struct LayerOutputs {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  std::vector<std::int32_t> codes;  ///< integers: value = scale * (code - zero point); else empty
  std::string format;
  float scale = 1;
  std::int32_t zero_point = 0;
};

/// What a product of a layer is made of.
struct ProductFormats {
  std::string mac, weight_format, activation_format;
};

struct LayerResult {
  std::string name;
  std::string kind;
  std::string phase;  ///< of a generation: "prefill", "decode"
  std::string op;     ///< of a vector operator, its name; else empty
  std::int64_t repeat = 1;
  GemmExtents extents;
  std::string mac;            ///< MAC type; empty for vector operators
  std::string weight_format;  ///< empty for vector operators
  std::string activation_format, output_format;
  /// Fused attention: of queries and keys; the MAC and formats above are those of the context.
  std::optional<ProductFormats> scores;
  Mapping mapping;
  BuffersConfig buffers;  ///< as the layer has them
  LayerOutcome outcome;
  std::int64_t compute_cycles = 0;  ///< what the array needs if memory never makes it wait
  double time_s = 0;
  double peak_macs_per_s = 0, peak_bytes_per_s = 0;
  Counts counts;
  EnergyReport energy;
  std::optional<OutputCheck> check;           ///< unset: values off
  std::optional<Quality> network_error;       ///< of the outputs, against the whole network
  OperandOrigin input_origin, weight_origin;  ///< values on
  std::optional<OperandOrigin> bias_origin;   ///< where the layer has a bias
  std::optional<LayerOutputs> outputs;        ///< where RunOptions::keep_outputs

  std::int64_t moved_bytes() const {
    return outcome.traffic.bursts() * outcome.traffic.burst_bytes;
  }
  const char* bound() const { return bound_name(outcome.evidence); }
};

/// Of `times` runs of the layer, one after the other. Peaks and keys and values in a cache are as
/// the layer's.
Costs costs_of(const LayerResult& layer, std::int64_t times);

/// Of the results of LayerRunner::run_all, the layer itself.
inline const LayerResult& layer_of(const std::vector<LayerResult>& results) {
  std::size_t i = 0;
  while (!results[i].op.empty()) ++i;
  return results[i];
}

/// The statistics of all layers, each as often as it runs, as of one run (core/dram/stats_sum.h).
DramStats dram_of_layers(const std::vector<LayerResult>& layers);

/// Pins that were not taken as they were given: a line for each, with the layers that it is of.
std::vector<std::string> mapping_notes(const std::vector<LayerResult>& layers);

/// Throws a verification Error that names the layer where its outputs differ from the oracle's, or
/// sums have left their accumulators.
void require_verified(const LayerResult& layer);

}  // namespace bitjoule
