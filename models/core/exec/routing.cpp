// Mixtures of experts: the choice of experts for each row, and rows in the order of experts.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

float exp_of(float x) { return rounded(std::exp(static_cast<double>(x))); }

/// Indices of the `count` largest values, the largest first, of equal ones the first.
std::vector<std::int64_t> largest(const std::vector<float>& values, std::int64_t count) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return values[at(a)] > values[at(b)]; });
  order.resize(at(count));
  return order;
}

std::vector<float> softmax_of(const std::vector<float>& x) {
  const float max = *std::max_element(x.begin(), x.end());
  std::vector<float> y;
  float sum = 0;
  for (const float v : x) sum += y.emplace_back(exp_of(v - max));
  const float inverse = 1.0f / sum;
  for (float& v : y) v *= inverse;
  return y;
}

/// Experts of groups that are left out score nothing.
void leave_groups_out(const Routing& r, std::vector<float>& scores) {
  const std::int64_t size = r.experts / r.groups;
  std::vector<float> sums;
  for (std::int64_t g = 0; g < r.groups; ++g) {
    const std::vector<float> group(scores.begin() + g * size, scores.begin() + (g + 1) * size);
    float& sum = sums.emplace_back(0.0f);
    for (const std::int64_t best : largest(group, r.group_best)) sum += group[at(best)];
  }
  std::vector<bool> kept(at(r.groups), false);
  for (const std::int64_t g : largest(sums, r.kept_groups)) kept[at(g)] = true;
  for (std::int64_t e = 0; e < r.experts; ++e)
    if (!kept[at(e / size)]) scores[at(e)] = -std::numeric_limits<float>::infinity();
}

/// Places of rows in the order of experts, of one expert in the order of rows.
std::vector<std::int64_t> places(const Routing& r, const std::vector<std::int64_t>& chosen) {
  std::vector<std::int64_t> next(at(r.experts), 0);
  const std::vector<std::int64_t> loads = expert_loads(r, chosen);
  std::partial_sum(loads.begin(), loads.end() - 1, next.begin() + 1);
  std::vector<std::int64_t> result;
  result.reserve(chosen.size());
  for (const std::int64_t expert : chosen) result.push_back(next[at(expert)]++);
  return result;
}

}  // namespace

std::vector<float> route_values(const VectorOp& op, const VectorOperands& o) {
  const Routing& r = *op.routing;
  std::vector<float> y(at(op.elements()), 0.0f);
  for (std::int64_t row = 0; row < op.rows; ++row) {
    check_interrupt_after(16 * op.cols);
    const auto first = o.inputs[0].begin() + row * op.cols;
    const std::vector<float> x(first, first + op.cols);
    std::vector<float> scores = x;
    if (r.scores == Routing::Scores::kSoftmax) scores = softmax_of(x);
    if (r.scores == Routing::Scores::kSigmoid)
      for (float& v : scores) v = 1.0f / (1.0f + exp_of(-v));
    std::vector<float> choice = scores;
    for (std::size_t e = 0; e < o.bias.size(); ++e) choice[e] += o.bias[e];
    if (r.groups > 1) leave_groups_out(r, choice);
    const std::vector<std::int64_t> chosen = largest(choice, r.chosen);
    std::vector<float> weights;
    for (const std::int64_t e : chosen) weights.push_back(scores[at(e)]);
    if (r.scores == Routing::Scores::kChosenSoftmax) weights = softmax_of(weights);
    if (r.normalized) {
      const float inverse = 1.0f / std::accumulate(weights.begin(), weights.end(), 0.0f);
      for (float& w : weights) w *= inverse;
    }
    for (std::size_t j = 0; j < chosen.size(); ++j)
      y[at(row * op.cols + chosen[j])] = weights[j] * rounded(r.scale);
  }
  return y;
}

std::vector<std::int64_t> chosen_experts(const Routing& routing,
                                         const std::vector<float>& weights) {
  std::vector<std::int64_t> result;
  for (auto row = weights.begin(); row != weights.end(); row += routing.experts) {
    std::vector<std::int64_t> chosen =
        largest(std::vector<float>(row, row + routing.experts), routing.chosen);
    std::sort(chosen.begin(), chosen.end());
    result.insert(result.end(), chosen.begin(), chosen.end());
  }
  return result;
}

std::vector<std::int64_t> expert_loads(const Routing& routing,
                                       const std::vector<std::int64_t>& chosen) {
  std::vector<std::int64_t> loads(at(routing.experts), 0);
  for (const std::int64_t expert : chosen) ++loads[at(expert)];
  return loads;
}

std::vector<float> dispatched_values(const VectorOp& op, const VectorOperands& o) {
  std::vector<float> y(at(op.elements()));
  const std::vector<std::int64_t> place = places(*op.routing, o.indices);
  for (std::size_t i = 0; i < place.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / op.routing->chosen;
    std::copy_n(o.inputs[0].begin() + row * op.cols, op.cols, y.begin() + place[i] * op.cols);
  }
  return y;
}

std::vector<float> combined_values(const VectorOp& op, const VectorOperands& o) {
  const Routing& r = *op.routing;
  std::vector<float> y(at(op.elements()), 0.0f);
  const std::vector<std::int64_t> place = places(r, o.indices);
  for (std::size_t i = 0; i < place.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / r.chosen;
    const float weight = o.inputs[1][at(row * r.experts + o.indices[i])];
    const float* x = &o.inputs[0][at(place[i] * op.cols)];
    for (std::int64_t c = 0; c < op.cols; ++c) {
      const float part = weight * x[c];
      float& sum = y[at(row * op.cols + c)];
      sum = static_cast<std::int64_t>(i) % r.chosen == 0 ? part : sum + part;
    }
  }
  return y;
}

}  // namespace bitjoule
