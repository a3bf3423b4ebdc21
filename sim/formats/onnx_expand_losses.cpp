// Losses of classes: what targets choose of the logarithms of probabilities.
#include <fmt/format.h>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;

std::string total(OnnxWriter& w, const std::string& of, const char* part) {
  std::string y = w.add("ReduceSum", {of}, part);
  w.with("keepdims", std::int64_t{0});
  return y;
}

/// -x[n, target] * weight[target], and their sum or mean by weights.
void negative_log_likelihood(OnnxWriter& w) {
  const Shape x = w.shape(0), target = w.shape(1);
  if (x.size() < 2 || !w.knows_shape(1)) return;
  if (target.size() + 1 != x.size()) w.node.fail("expected a target for each place of the scores");
  const std::string reduction = w.node.text("reduction", "mean");
  const std::string& targets = w.node.input(1);
  Shape along(x.size(), 1);
  along[1] = x[1];
  const std::string classes = w.sized_of(w.type(1), "classes", counted(0, x[1]), along);
  const std::string wide = w.add("Unsqueeze", {targets, w.sized("class_axis", {1})}, "wide");
  const std::string hit = w.add("Equal", {classes, wide}, "hit");
  const std::string zero = w.scalar("zero", 0, w.type(0)), axis = w.sized("sum_axis", {1});
  const auto chosen = [&](const std::string& of, const std::string& part) {
    const std::string one = w.add("Where", {hit, of, zero}, part + "_alone");
    std::string y = w.add("ReduceSum", {one, axis}, part);
    w.with("keepdims", std::int64_t{0});
    return y;
  };
  std::string loss = w.add("Neg", {chosen(w.node.input(0), "chosen")}, "losses"), weights;
  if (w.has(2)) weights = chosen(w.reshaped(w.node.input(2), along, "weights"), "weight");
  if (w.node.has("ignore_index")) {
    const auto ignored = static_cast<double>(w.node.integer("ignore_index", 0));
    const std::string is_ignored =
        w.add("Equal", {targets, w.scalar("ignored", ignored, w.type(1))}, "is_ignored");
    if (weights.empty()) weights = w.scalar("one", 1, w.type(0));
    weights = w.add("Where", {is_ignored, zero, weights}, "weight_or_none");
  }
  if (!weights.empty()) loss = w.add("Mul", {loss, weights}, "weighted");
  if (reduction == "none") {
    w.add("Identity", {loss});
  } else if (reduction == "sum") {
    total(w, loss, "");
  } else if (reduction == "mean" && weights.empty()) {
    w.add("ReduceMean", {loss});
    w.with("keepdims", std::int64_t{0});
  } else if (reduction == "mean") {
    const std::string sum = total(w, loss, "sum");
    w.add("Div", {sum, total(w, weights, "sum_of_weights")});
  } else {
    w.node.fail(fmt::format("reduction \"{}\" is unknown", reduction));
  }
}

void softmax_cross_entropy(OnnxWriter& w) {
  if (w.shape(0).empty()) return;
  std::string logs = w.add("LogSoftmax", {w.node.input(0)}, "logs");
  w.with("axis", std::int64_t{1});
  if (!w.node.output(1).empty()) logs = w.to_output(1);
  std::vector<std::string> inputs = {logs, w.node.input(1)};
  if (w.has(2)) inputs.push_back(w.node.input(2));
  w.add("NegativeLogLikelihoodLoss", inputs);
  w.with("reduction", w.node.text("reduction", "mean"));
  if (w.node.has("ignore_index")) w.with("ignore_index", w.node.integer("ignore_index", 0));
}

}  // namespace

std::vector<OnnxExpansion> onnx_loss_expansions() {
  return {
      {"", "NegativeLogLikelihoodLoss", "ignore_index:i reduction:s", negative_log_likelihood},
      {"", "SoftmaxCrossEntropyLoss", "ignore_index:i reduction:s", softmax_cross_entropy},
  };
}

}  // namespace bitjoule
