#include "run/value_pass.h"

#include <algorithm>
#include <utility>

#include "core/interrupt.h"
#include "core/mapping/program.h"
#include "core/numeric/format.h"
#include "core/numeric/storage.h"
#include "run/fused_attention.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "run/network_layers.h"
#include "run/quantize_passes.h"
#include "run/tensor_store.h"
#include "run/transforms.h"

namespace bitjoule {
namespace {

/// Mappings need no machine that moves.
RunOptions mapping_alone(RunOptions options) {
  options.fidelity = Fidelity::kEstimate;
  options.values = false;
  options.values_alone = true;
  return options;
}

/// Integers with one scale, that of their own values without any rounding.
bool is_of_oracle(const TensorFormat& format, ScaleRule rule) {
  const StorageLayout layout = storage_layout(format);
  return rule == ScaleRule::kOracle && layout.format->cls == FormatClass::kInteger &&
         layout.scales.group == kWholeTensor && !layout.dynamic && !layout.by_input;
}

bool asks_reference(const Network& network, const Precision& run) {
  return std::any_of(network.layers.begin(), network.layers.end(), [&](const NetworkLayer& layer) {
    if (std::holds_alternative<VectorOp>(layer.op)) {
      const VectorFormats formats = vector_formats(layer, run);
      return is_of_oracle(formats.inputs, formats.static_scales) ||
             is_of_oracle(formats.output, formats.static_scales);
    }
    const Precision p = layer_precision(layer, run);
    const ScaleRule rule = p.static_scales.value_or(ScaleRule::kOracle);
    const bool is_product = std::holds_alternative<Matmul>(layer.op);
    return is_of_oracle(p.activations, rule) || is_of_oracle(output_format(layer, run), rule) ||
           (is_product && is_of_oracle(p.weights, rule));
  });
}

/// Whether all that reads a product of floats is a softmax that masks what lies above its diagonal.
bool is_masked(const Network& network, const NetworkLayer& product, const Precision& run) {
  const auto& p = std::get<Matmul>(product.op);
  const auto is_it = [&](const auto& name) { return name == product.name; };
  if (find_format(output_format(product, run).format).cls != FormatClass::kFloat ||
      is_it(network.layers.back().name))
    return false;
  for (const NetworkOutput& output : network.outputs)
    if (is_it(output.layer)) return false;
  for (const NetworkInput& input : network.inputs)
    if (is_it(input.next)) return false;
  std::string before;
  for (const NetworkLayer& layer : network.layers) {
    const std::vector<std::string> names = named_inputs(layer, before);
    before = layer.name;
    for (const auto& [role, source] : layer.tensors)
      if (is_it(source.input)) return false;
    if (std::none_of(names.begin(), names.end(), is_it)) continue;
    const auto* op = std::get_if<VectorOp>(&layer.op);
    if (op == nullptr || op->kind != VectorKind::kSoftmax || op->causal != p.m || op->cols != p.n ||
        op->rows != p.batch * p.m)
      return false;
  }
  return true;
}

}  // namespace

ValuePass::ValuePass(const RunConfig& run, const Network& network, TensorObserver* observer,
                     Side side)
    : run_(run),
      network_(with_fused_attention(completed(observer != nullptr && observer->sees_original()
                                                  ? without_transforms(network, run.precision)
                                                  : network,
                                              run.precision),
                                    run.mapping.attention)),
      values_(
          run, NetworkValues::Wanted::kOutputs, observer,
          side == Side::kMachine && asks_reference(network_, run.precision) ? Side::kBoth : side) {
  const LayerRunner runner(make_machine(run.accelerator, run.dram, Fidelity::kEstimate),
                           prices_of(run), mapping_alone(run.options));
  for (const NetworkLayer& layer : network_.layers)
    with_name(layer, [&] {
      if (layer.experts)
        throw input_error("a mixture of experts: evaluations of accuracy do not run it");
      add_step(layer, runner, observer == nullptr);
    });
  for (std::size_t i = 0; observer == nullptr && i < steps_.size(); ++i)
    if (auto pass = HeadPass::make(run_, network_, steps_, i, values_.side()))
      heads_.emplace(i, std::move(pass));
}

void ValuePass::add_step(const NetworkLayer& layer, const LayerRunner& runner, bool may_mask) {
  ValueStep step;
  step.layer = &layer;
  if (std::holds_alternative<VectorOp>(layer.op)) {
    step.formats = vector_formats(layer, run_.precision);
  } else if (layer.fused) {
    const MappingPins pins = pins_of(layer, run_.mapping);
    step.program = runner.prepare(
        attention_problem(run_.accelerator, runner.memory(), layer, run_.precision, pins),
        attention_key(layer, run_.precision), pins);
    step.program.program = {};
  } else {
    const Precision precision = layer_precision(layer, run_.precision);
    step.mac = mac_layer(layer);
    if (auto* product = std::get_if<Matmul>(&step.mac.op))
      product->lower = may_mask && is_masked(network_, layer, run_.precision);
    step.requantize = requantization(precision);
    step.program = runner.prepare(step.mac, precision, pins_of(layer, run_.mapping));
    step.program.program = values_program(step.program.problem, step.program.mapping.tiling);
  }
  steps_.push_back(std::move(step));
}

std::vector<NetworkOutputValues> ValuePass::run(std::map<std::string, NetworkTensor> inputs) {
  values_.begin(network_, std::move(inputs));
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    check_interrupt();
    const auto heads = heads_.find(i);
    if (heads != heads_.end() && heads->second->run(values_)) {
      i += heads->second->steps() - 1;
      continue;
    }
    with_name(*steps_[i].layer, [&] { run_step(values_, steps_[i]); });
  }
  return values_.end();
}

}  // namespace bitjoule
