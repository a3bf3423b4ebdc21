#include "sim/schema/describe_run.h"

#include <fmt/format.h>

#include "core/dram/priced_device.h"
#include "core/numeric/rows.h"
#include "core/numeric/weight_quantizer.h"
#include "core/workload/pins_rows.h"
#include "core/workload/rows.h"
#include "run/rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe(V& v, AcceleratorFile& c) {
  v.template base<AcceleratorFile>();
  describe(v, c.machine);
  v.field("dram", c.dram, "external memory of a run that names none");
  v.field("energy", c.energy, "prices of a run that names none");
  v.field("mapping_objective", c.mapping_objective,
          "what the mapper minimises, unless mapping.objective says");
}

template <class V>
void describe(V& v, Generation& c) {
  v.field("prompt", c.prompt, "tokens read at once, per sequence", extent());
  v.field("tokens", c.tokens, "generated per sequence, the first by the prompt's pass", extent());
  v.field("batch", c.batch, "sequences", extent());
  v.field("every", c.every, "odd: decode steps simulated every so many tokens", extent());
  v.check([&] {
    if (c.every % 2 == 0)
      throw input_error(fmt::format("every: expected an odd number, got {}", c.every));
  });
}

template <class V>
void describe(V& v, EvaluationFile& c) {
  EvaluationConfig& e = c.config;
  v.required("data", e.data, "tokens: .npy, .bin of llama2.c, or text; of other networks inputs",
             file_name());
  v.field("window", e.window, "tokens read at once, as a prefill", range(2, 1 << 20));
  v.field("stride", e.stride, "tokens from one window to the next; default: window",
          range(1, 1 << 20));
  v.field("limit", e.limit, "tokens, or inputs, at most; 0: all", at_least(0));
  v.field("tokenizer", e.tokenizer, "GGUF file by whose tokenizer text becomes tokens",
          file_name());
  v.field("labels", e.labels, "the right class of each input; without, outputs are compared",
          file_name());
  v.field("layout", e.layout, "of the file's images, where it is not the network's",
          one_of({"nchw", "nhwc"}));
  v.field("scale", e.scale, "inputs: value = (element * scale - mean) / deviation");
  v.field("mean", e.mean, "one, or one per channel; default: 0");
  v.field("deviation", e.deviation, "one, or one per channel; default: 1");
  v.field("reference", c.reference,
          "of tokens: network whose float64 values are the reference; default: the run's");
  v.check([&] {
    if (e.stride.value_or(e.window) > e.window)
      throw input_error(
          fmt::format("stride: {} tokens would leave some of the data out of every window of {}",
                      *e.stride, e.window));
    for (const double deviation : e.deviation)
      if (!(deviation > 0))
        throw input_error(fmt::format("deviation: expected positive numbers, got {}", deviation));
  });
}

template <class V>
void describe(V& v, PassFile& c) {
  v.field("phase", c.phase, "shown in reports");
  v.field("context", c.context, "shown in reports: tokens the last of which is new", at_least(0));
  v.field("weight", c.weight, "passes that this one stands for", at_least(1));
  v.required("network", c.network, "layers in the order they run");
}

/// What the run's precision asks of a calibration, and what a single layer cannot have.
void require_calibration(const RunFile& c, bool is_layer) {
  const WeightQuantizer quantizer = c.precision.quantizer.value_or(WeightQuantizer::kNearest);
  const ScaleRule scales = c.precision.static_scales.value_or(ScaleRule::kOracle);
  if (is_layer && !c.calibration.empty()) throw input_error("calibration: needs a network");
  const TransformKind transform = c.precision.transform.value_or(OperandTransform{}).kind;
  std::string asks;
  if (is_layer && transform != TransformKind::kNone)
    throw input_error("precision.transform: needs a network");
  if (transform == TransformKind::kAwq || transform == TransformKind::kSmooth)
    asks = "precision.transform: " + enum_name(transform);
  if (needs_moments(quantizer)) asks = "precision.quantizer: " + enum_name(quantizer);
  if (has_channel_scales(c.precision.activations)) {
    asks = "precision.activations: granularity per_input_channel";
    if (!is_layer && scales == ScaleRule::kOracle)
      throw input_error(asks +
                        ": needs precision.static_scales: abs_max, percentile, mse or entropy");
  }
  if (scales != ScaleRule::kOracle && asks.empty())
    asks = "precision.static_scales: " + enum_name(scales);
  if (asks.empty()) return;
  if (is_layer) throw input_error(asks + ": needs a network, and its calibration");
  if (c.calibration.empty())
    throw input_error(asks + ": needs `calibration`, a file that sim calibrate writes");
}

Precision with_weights(Precision precision) {
  if (!says_weights(precision)) precision.weights = precision.activations;
  return precision;
}

template <class V>
void describe(V& v, RunFile& c) {
  v.field("name", c.name, "shown in reports; default: the layer's or network's name");
  v.required("accelerator", c.accelerator, "the machine");
  v.field("dram", c.dram, "external memory; default: the accelerator's");
  v.field("energy", c.energy, "prices; default: the accelerator's, else horowitz-2014-45nm.yaml");
  v.variant(c.workload, alternative<Layer>("layer", "one layer"),
            alternative<NetworkFile>("network", "layers in the order they run"),
            alternative<std::vector<PassFile>>("passes", "networks, one after the other"));
  v.field("phase", c.phase, "the network's phase: prefill or decode");
  v.field("generate", c.generation, "a prompt, then tokens one by one; needs network");
  v.field("steps", c.steps,
          "passes one after the other, with the states that the network keeps between them",
          range(1, 1 << 20));
  v.field("dram_prices", c.options.dram_prices,
          "whose prices of the DRAM count; results have both");
  v.field("operand_counts", c.options.data.counted,
          "with values: zeros and toggling bits among the multipliers' operands are counted");
  v.field("density", c.options.data.density,
          "without values: shares of the multipliers' operands that are not zero");
  v.field("overlap", c.overlap, "of the layers of a network");
  v.required("precision", c.precision, "number formats; what the machine does follows from them");
  v.field("mix", c.mix, "number formats of a network's layers by name, beside its own overrides");
  v.field("mapping", c.mapping, "pinned parts of the tiling; the mapper searches the rest");
  v.field("values", c.values,
          "compute outputs; default: on for a layer, off for a network and an estimate");
  v.field("fidelity", c.options.fidelity,
          "how the machine is simulated: fast and pe have equal results");
  v.field("verify", c.options.verify, "how much of the output the oracle checks");
  v.field("seed", c.options.seed, "of generated operands", at_least(0));
  v.field("evaluation", c.evaluation, "data that the network's values are judged by");
  v.field("calibration", c.calibration,
          "statistics of the network's tensors, of `sim calibrate`: for quantizers and scales",
          file_name());
  v.check([&] {
    if (!c.accelerator.dram) throw input_error("dram: missing, here and in the accelerator");
    if (!c.accelerator.energy) throw input_error("energy: missing");
    const DramConfig& memory = *c.accelerator.dram;
    const EnergyTable& energy = *c.accelerator.energy;
    try {
      check_supply(c.accelerator.machine, energy);
    } catch (const Error& e) {
      throw input_error("accelerator." + std::string(e.what()));
    }
    make_prices(energy, memory.name, memory.energy, c.options.dram_prices);
    if (const auto* dram = std::get_if<CycleDramConfig>(&memory.model))
      check_priced_device(energy.dram, dram->organization, dram->timing, memory.name,
                          "accelerator.energy.dram");
    const bool is_layer = std::holds_alternative<Layer>(c.workload);
    const bool values = c.values.value_or(is_layer);
    if (c.options.data.counted && !values)
      throw input_error("operand_counts: needs values: on; `density` assumes what they would be");
    if (c.options.data.density && values)
      throw input_error("density: for values: off; with values, operand_counts counts them");
    const auto& dependence = energy.data_dependence;
    if (c.options.data.density && dependence && dependence->multiplier == DataMultiplier::kToggled)
      throw input_error(fmt::format(
          "density: the energy table \"{}\" prices multiplications by the bits that toggle, which "
          "a density does not tell; operand_counts counts them",
          energy.name));
    if (c.generation && !std::holds_alternative<NetworkFile>(c.workload))
      throw input_error("generate: needs a network");
    if (const auto* passes = std::get_if<std::vector<PassFile>>(&c.workload))
      if (passes->empty()) throw input_error("passes: expected at least one");
    require_calibration(c, is_layer);
    if (c.evaluation && !std::holds_alternative<NetworkFile>(c.workload))
      throw input_error("evaluation: needs a network");
    if (is_layer && !c.precision.recipe.empty())
      throw input_error("precision.recipe: needs a network");
    if (is_layer && !says_weights(c.precision)) throw input_error("precision.weights: missing");
    if (is_layer && c.mix) throw input_error("mix: needs a network");
    if (is_layer && !c.phase.empty()) throw input_error("phase: needs a network");
    if (c.steps > 1 && (c.generation || !std::holds_alternative<NetworkFile>(c.workload)))
      throw input_error("steps: of a run of one network, not beside generate");
    if (c.generation && !c.phase.empty())
      throw input_error("phase: not beside generate, which runs prefill and decode");
    if (is_layer && c.overlap != LayerOverlapMode::kNone)
      throw input_error("overlap: needs a network; that of folds is accelerator.array.overlap");
    resolve_data_path(with_weights(c.precision), c.accelerator.machine.array.pe);
  });
}

BITJOULE_DESCRIBED(AcceleratorFile)
BITJOULE_DESCRIBED(MappingPins)
BITJOULE_DESCRIBED(OperandDensity)
BITJOULE_DESCRIBED(Generation)
BITJOULE_DESCRIBED(EvaluationFile)
BITJOULE_DESCRIBED(PassFile)
BITJOULE_DESCRIBED(RunFile)

}  // namespace bitjoule
