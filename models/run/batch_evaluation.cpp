#include "run/batch_evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/index.h"

namespace bitjoule {
namespace {

/// The layer that the first output comes from.
const NetworkLayer& output_layer(const Network& network) {
  for (const NetworkLayer& layer : network.layers)
    if (!network.outputs.empty() && layer.name == network.outputs.front().layer) return layer;
  return network.layers.back();
}

bool is_softmax(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && op->kind == VectorKind::kSoftmax;
}

/// Probabilities as the logits that they are the softmax of. What rounds to 0 is as unlikely as
/// floats tell.
template <class T>
void take_logarithms(T* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = std::log(std::max(values[i], T(1e-37)));
}

}  // namespace

BatchEvaluation::BatchEvaluation(const RunConfig& run)
    : network_(run.evaluation->as_it_is()), labels_file_(run.evaluation->config.labels) {
  if (network_.inputs.size() != 1 || network_.inputs.front().shape.empty())
    throw input_error(
        fmt::format("{}: an evaluation needs a network with one input, this one has {}",
                    network_.name, network_.inputs.size()));
  yields_probabilities_ = is_softmax(output_layer(network_));
  pass_ = std::make_unique<ValuePass>(run, network_);
}

std::vector<InputScore> BatchEvaluation::score(NetworkTensor batch,
                                               const std::vector<std::int64_t>& labels,
                                               bool has_labels, std::int64_t first) {
  std::map<std::string, NetworkTensor> inputs;
  inputs.emplace(input().name, std::move(batch));
  NetworkOutputValues output = std::move(pass_->run(std::move(inputs)).front());
  const auto elements = static_cast<std::int64_t>(output.values.size());
  const std::int64_t each = elements / this->batch();
  if (elements != each * this->batch())
    throw input_error(fmt::format("{}: output \"{}\" has {} elements for a batch of {}",
                                  network_.name, output.name, elements, this->batch()));
  std::vector<InputScore> scores(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    float* values = &output.values[i * at(each)];
    double* reference = &output.reference[i * at(each)];
    scores[i].error.add(values, reference, each);
    if (!has_labels) continue;
    if (labels[i] < 0 || labels[i] >= each)
      throw input_error(fmt::format("{}: element {}: {} is none of the {} classes of output \"{}\"",
                                    labels_file_, first + static_cast<std::int64_t>(i), labels[i],
                                    each, output.name));
    if (yields_probabilities_) {
      take_logarithms(values, each);
      take_logarithms(reference, each);
    }
    scores[i].predictions.push_back(score_prediction(values, reference, each, labels[i]));
  }
  return scores;
}

}  // namespace bitjoule
