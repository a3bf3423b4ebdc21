#include "run/operand_factors.h"

#include <algorithm>

#include "core/numeric/storage.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_tensors.h"
#include "run/network_layers.h"

namespace bitjoule {

const std::vector<float>& OperandFactors::get(const std::string& group, const Network& network,
                                              const LayerTensors& tensors) {
  std::vector<const NetworkLayer*> layers;
  std::string key = network.name + "/" + group;
  for (const NetworkLayer& layer : network.layers) {
    if (layer.transform.input_factors != group) continue;
    layers.push_back(&layer);
    key += key_text(layer_precision(layer, run_));
    const auto source = layer.tensors.find("weights");
    if (source != layer.tensors.end()) key += source->second.file + " " + source->second.tensor;
  }
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  std::vector<ReaderWeights> readers;
  OperandTransform transform;
  std::int64_t k = 0;
  for (const NetworkLayer* layer : layers) {
    const Gemm& gemm = std::get<Gemm>(layer->op);
    transform = layer->precision.transform.value_or(OperandTransform{});
    k = gemm.k;
    with_name(*layer, [&] {
      readers.push_back(
          {own_weights(*layer, gemm, tensors).values, layer_precision(*layer, run_).weights});
    });
  }
  const auto larger = [](double a, double b) { return std::max(a, b); };
  const NetworkLayer& first = *layers.front();
  const Precision precision = layer_precision(first, run_);
  const SharedHeads& heads = first.transform.heads;
  if (has_channel_scales(precision.activations)) {
    std::vector<double> clips = calibration_.input_clips(
        group, k, precision.activations, precision.static_scales.value_or(ScaleRule::kOracle));
    heads.share(clips, larger);
    return known_[key] = channel_factors(clips);
  }
  InputMagnitudes inputs = calibration_.magnitudes(group, k);
  heads.share(inputs.largest, larger);
  heads.share(inputs.mean, [](double a, double b) { return a + b; });  // their ratios count alone
  return known_[key] = transform.kind == TransformKind::kSmooth
                           ? smooth_factors(inputs, readers,
                                            transform.strength.value_or(kSmoothStrength), heads)
                           : awq_factors(inputs, calibration_.moments(group, k), readers);
}

}  // namespace bitjoule
