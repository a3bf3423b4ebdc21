// K-quants as GGML makes them without importance weights, against a scalar oracle written from the
// description of quantize_row_q*_K_ref: one group, one candidate, one element at a time.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/numeric/float_formats.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::ggml_k_test {
namespace {

using Values = std::vector<float>;

int nearest(float v) { return static_cast<int>(std::nearbyint(v)); }
int within(int q, int lo, int hi) { return std::min(std::max(q, lo), hi); }
float half_precision(float v) {
  return decode_float(kFp16, std::min(encode_float(kFp16, std::fabs(v)), kFp16.max_code())) *
         (v < 0 ? -1.0f : 1.0f);
}

struct Group {
  float scale = 0, min = 0;
  std::vector<int> q;
};

Group with_minimum(const Values& x, int top, float first, int steps, bool squared) {
  float mean_square = 0;
  for (float v : x) mean_square += v * v;
  mean_square /= static_cast<float>(x.size());
  Values weight;
  for (float v : x) weight.push_back((squared ? std::sqrt(mean_square) : 0.0f) + std::fabs(v));
  const auto error = [&](float scale, float min, const std::vector<int>& q) {
    float sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float d = scale * static_cast<float>(q[i]) + min - x[i];
      sum += weight[i] * (squared ? d * d : std::fabs(d));
    }
    return sum;
  };
  const float max = *std::max_element(x.begin(), x.end());
  float min = std::min(0.0f, *std::min_element(x.begin(), x.end()));
  float sum_w = 0, sum_x = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum_w += weight[i], sum_x += weight[i] * x[i];
  Group best{0, -min, std::vector<int>(x.size(), 0)};
  if (max == min) return best;
  const auto codes = [&](float inverse) {
    std::vector<int> q;
    for (float v : x) q.push_back(within(nearest(inverse * (v - min)), 0, top));
    return q;
  };
  const float inverse = static_cast<float>(top) / (max - min);
  best.scale = 1 / inverse;
  best.q = codes(inverse);
  float least = error(best.scale, min, best.q);
  for (int s = 0; s <= steps; ++s) {
    // The minimum is that of the best so far, and so is the range.
    const std::vector<int> q =
        codes((first + 0.1f * static_cast<float>(s) + static_cast<float>(top)) / (max - min));
    float l = 0, l2 = 0, xl = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto code = static_cast<float>(q[i]);
      l += weight[i] * code;
      l2 += weight[i] * code * code;
      xl += weight[i] * code * x[i];
    }
    const float determinant = sum_w * l2 - l * l;
    if (!(determinant > 0)) continue;
    float scale = (sum_w * xl - sum_x * l) / determinant;
    float new_min = (l2 * sum_x - l * xl) / determinant;
    if (new_min > 0) new_min = 0, scale = xl / l2;
    const float now = error(scale, new_min, q);
    if (now >= least) continue;
    least = now;
    min = new_min;
    best = {scale, -new_min, q};
  }
  return best;
}

float extreme_of(const Values& x) {
  float extreme = 0;
  for (float v : x)
    if (std::fabs(v) > std::fabs(extreme)) extreme = v;
  return extreme;
}

/// Sums weighted by x^2.
struct Fit {
  float xl = 0, l2 = 0;
  void add(float x, int q, float sign = 1) {
    const auto l = static_cast<float>(q);
    xl += sign * (x * x * x * l);
    l2 += sign * (x * x * l * l);
  }
};

Group around_zero(const Values& x, int half, bool descends) {
  Group best{0, 0, std::vector<int>(x.size(), 0)};
  const float extreme = extreme_of(x);
  if (std::fabs(extreme) < 1e-15f) return best;
  const auto fit_of = [&](float inverse, Group& g) {
    Fit fit;
    g.q.clear();
    for (float v : x) {
      g.q.push_back(within(nearest(inverse * v), -half, half - 1));
      fit.add(v, g.q.back());
    }
    g.scale = fit.l2 > 0 ? fit.xl / fit.l2 : 0;
    return fit;
  };
  Fit fit = fit_of(static_cast<float>(-half) / extreme, best);
  if (!descends) {
    float gain = best.scale * fit.xl;
    for (int s = -9; s <= 9; ++s) {
      if (s == 0) continue;
      Group g;
      const Fit now =
          fit_of(-(static_cast<float>(half) + 0.1f * static_cast<float>(s)) / extreme, g);
      if (!(now.l2 > 0 && now.xl * now.xl > gain * now.l2)) continue;
      best = g;
      gain = g.scale * now.xl;
    }
  }
  for (int round = 0; descends && round < 5; ++round)
    for (std::size_t i = 0; i < x.size(); ++i) {
      Fit without = fit;
      without.add(x[i], best.q[i], -1);
      if (!(without.xl > 0)) continue;
      const int q = within(nearest(x[i] * without.l2 / without.xl), -half, half - 1);
      Fit with = without;
      with.add(x[i], q);
      if (q == best.q[i] || !(with.l2 > 0)) continue;
      if (!(with.xl * with.xl * fit.l2 > fit.xl * fit.xl * with.l2)) continue;
      best.q[i] = q;
      fit = with;
    }
  if (descends) best.scale = fit.l2 > 0 ? fit.xl / fit.l2 : 0;
  for (int& q : best.q) q += half;
  return best;
}

struct Row {
  const char* name;
  int bits, group, scale_top;
  bool has_min;
};
const Row kRows[] = {{"q2_k", 2, 16, 15, true},
                     {"q3_k", 3, 16, 31, false},
                     {"q4_k", 4, 32, 63, true},
                     {"q5_k", 5, 32, 63, true},
                     {"q6_k", 6, 16, 127, false}};

/// Scale, minimum and codes of every element of a super-block as decoded.
struct Decoded {
  Values scale, min;
  std::vector<int> q;  ///< with the zero-point taken off
};

Decoded oracle(const Row& row, const Values& x) {
  const int top = (1 << row.bits) - 1, zero = row.has_min ? 0 : 1 << (row.bits - 1);
  std::vector<Group> groups;
  Values scales, mins;
  for (std::size_t at = 0; at < x.size(); at += static_cast<std::size_t>(row.group)) {
    const Values part(x.begin() + static_cast<std::ptrdiff_t>(at),
                      x.begin() + static_cast<std::ptrdiff_t>(at) + row.group);
    groups.push_back(row.bits == 2   ? with_minimum(part, 3, -0.5f, 15, false)
                     : row.bits == 4 ? with_minimum(part, 15, -1.0f, 20, true)
                     : row.bits == 5 ? with_minimum(part, 31, -0.5f, 15, true)
                                     : around_zero(part, zero, row.bits == 3));
    scales.push_back(groups.back().scale);
    mins.push_back(groups.back().min);
  }
  const int low = row.has_min ? 0 : -row.scale_top - 1;
  const float extreme =
      row.has_min ? *std::max_element(scales.begin(), scales.end()) : extreme_of(scales);
  const float end = static_cast<float>(row.has_min ? row.scale_top : low);
  const float inverse = extreme != 0 ? end / extreme : 0.0f;
  const float d = half_precision(row.has_min ? extreme / end : extreme != 0 ? 1 / inverse : 0.0f);
  const float largest_min = *std::max_element(mins.begin(), mins.end());
  const float min_inverse = largest_min > 0 ? end / largest_min : 0.0f;
  const float dmin = half_precision(largest_min / static_cast<float>(row.scale_top));
  Decoded out;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const float scale =
        d * static_cast<float>(within(nearest(inverse * scales[g]), low, row.scale_top));
    const float min =
        row.has_min
            ? dmin * static_cast<float>(within(nearest(min_inverse * mins[g]), 0, row.scale_top))
            : 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(row.group); ++i) {
      const float value = x[g * static_cast<std::size_t>(row.group) + i];
      const int q =
          scale == 0 ? groups[g].q[i] : within(nearest((value + min) / scale) + zero, 0, top);
      out.scale.push_back(scale);
      out.min.push_back(-min);
      out.q.push_back(q - zero);
    }
  }
  return out;
}

Values random_block(std::mt19937& random, int kind) {
  std::normal_distribution<float> normal;
  Values x(256);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = normal(random);
    if (kind == 1) x[i] = std::fabs(x[i]);
    if (kind == 2) x[i] = -std::fabs(x[i]);
    if (kind == 3) x[i] *= 1e-3f;
    if (kind == 4) x[i] = std::nearbyint(2 * x[i]) / 2;  // ties
    if (kind == 5 && random() % 3 != 0) x[i] = 0;
    if (kind == 6 && i / 32 % 2 == 1) x[i] = 0;  // whole groups
    if (kind == 7 && i % 37 == 0) x[i] *= 20;    // outliers
  }
  return x;
}

}  // namespace

TEST_CASE("ggml: K-quants choose scales and codes as quantize_row_q*_K_ref") {
  MESSAGE("seed 21");
  std::mt19937 random(21);
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    TensorFormat format;
    format.format = row.name;
    for (int repeat = 0; repeat < 160; ++repeat) {
      const Values x = random_block(random, repeat % 8);
      const Decoded expected = oracle(row, x);
      const auto t = QuantizedTensor::quantize(format, x.data(), 1, 256);
      std::vector<std::int16_t> q(256);
      t.codes(0, 0, 256, q.data());
      int wrong = 0;
      for (std::int64_t k = 0; k < 256; ++k) {
        const auto i = static_cast<std::size_t>(k);
        wrong += t.scale(0, k) != expected.scale[i] || t.min(0, k) != expected.min[i] ||
                 q[i] != expected.q[i];
      }
      CAPTURE(repeat);
      CHECK(wrong == 0);
    }
  }
}

}  // namespace bitjoule::ggml_k_test
