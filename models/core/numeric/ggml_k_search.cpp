#include "core/numeric/ggml_k_search.h"

#include <algorithm>
#include <cmath>

namespace bitjoule {
namespace {

// Candidates spread the extremes over `top` + this many steps.
constexpr double kStretch[] = {0.0, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8};

double error_of(const float* x, int n, int lo, int hi, double scale, double min) {
  double error = 0;
  for (int i = 0; i < n; ++i) {
    const double q =
        std::clamp(std::nearbyint((x[i] + min) / scale), static_cast<double>(lo), double(hi));
    const double difference = scale * q - min - x[i];
    error += difference * difference;
  }
  return error;
}

// The least-squares scale and min for the codes that (scale, min) gives.
ScaleAndMin refine(const float* x, int n, int top, ScaleAndMin start) {
  double sum_q = 0, sum_q2 = 0, sum_x = 0, sum_xq = 0;
  for (int i = 0; i < n; ++i) {
    const double q =
        std::clamp(std::nearbyint((x[i] + start.min) / start.scale), 0.0, static_cast<double>(top));
    sum_q += q;
    sum_q2 += q * q;
    sum_x += x[i];
    sum_xq += x[i] * q;
  }
  const double determinant = n * sum_q2 - sum_q * sum_q;
  if (determinant <= 0) return start;
  ScaleAndMin result{(n * sum_xq - sum_x * sum_q) / determinant,
                     (sum_q * sum_xq - sum_q2 * sum_x) / determinant};
  if (result.min < 0) result = {sum_xq / sum_q2, 0};
  return result.scale > 0 ? result : start;
}

}  // namespace

ScaleAndMin search_scale_and_min(const float* x, int n, int top) {
  const double low = std::min(0.0, static_cast<double>(*std::min_element(x, x + n)));
  const double high = *std::max_element(x, x + n);
  if (high <= low) return {0, -low};
  ScaleAndMin best;
  double best_error = HUGE_VAL;
  for (double stretch : kStretch) {
    const ScaleAndMin candidate = refine(x, n, top, {(high - low) / (top + stretch), -low});
    const double error = error_of(x, n, 0, top, candidate.scale, candidate.min);
    if (error < best_error) {
      best_error = error;
      best = candidate;
    }
  }
  return best;
}

double search_scale(const float* x, int n, int half) {
  const float extreme =
      *std::max_element(x, x + n, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (extreme == 0) return 0;
  double best = 0, best_error = HUGE_VAL;
  for (double stretch : kStretch) {
    double scale = extreme / -(half + stretch);
    double sum_q2 = 0, sum_xq = 0;
    for (int i = 0; i < n; ++i) {
      const double q = std::clamp(std::nearbyint(x[i] / scale), -double(half), half - 1.0);
      sum_q2 += q * q;
      sum_xq += x[i] * q;
    }
    if (sum_q2 > 0 && sum_xq != 0) scale = sum_xq / sum_q2;
    const double error = error_of(x, n, -half, half - 1, scale, 0);
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace bitjoule
