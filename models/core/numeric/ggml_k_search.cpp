#include "core/numeric/ggml_k_search.h"

#include <cmath>
#include <cstring>

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr float kAllZero = 1e-15f;     // GROUP_MAX_EPS: smaller magnitudes count as zeros
constexpr float kStretch = 0.1f;       // from candidate to candidate
constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, half to even

// One number of each group. Comparisons give masks, and mask ? a : b chooses lane by lane.
typedef float Lanes __attribute__((vector_size(4 * kGroupLanes)));
typedef std::int32_t Masks __attribute__((vector_size(4 * kGroupLanes)));

// References, because vectors by value have a calling convention of their own in every clone.
BITJOULE_INLINE void load(const float* from, Lanes& to) { std::memcpy(&to, from, sizeof to); }
BITJOULE_INLINE void store(const Lanes& from, float* to) { std::memcpy(to, &from, sizeof from); }
BITJOULE_INLINE void make_absolute(Lanes& value) {
  Masks bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits &= 0x7fffffff;
  std::memcpy(&value, &bits, sizeof bits);
}
/// To the nearest integer of lo..hi.
BITJOULE_INLINE void round_within(float lo, float hi, Lanes& value) {
  const Lanes low = {lo, lo, lo, lo, lo, lo, lo, lo}, high = {hi, hi, hi, hi, hi, hi, hi, hi};
  value = value < low ? low : value;
  value = value > high ? high : value;
  value = (value + kRound) - kRound;
}
BITJOULE_INLINE bool any(const Masks& mask) {
  std::int64_t parts[sizeof mask / 8];
  std::memcpy(&parts, &mask, sizeof mask);
  std::int64_t all = 0;
  for (std::int64_t part : parts) all |= part;
  return all != 0;
}

/// Codes are codes[i] + offset, and 0 where `none`.
BITJOULE_INLINE void store_codes(const Lanes* codes, int n, float offset, const Masks& none,
                                 GroupBatch& batch) {
  for (int i = 0; i < n; ++i) {
    const Lanes zero = {};
    Lanes code = codes[i] + offset;
    code = none | ~(code >= zero) ? zero : code;  // NaN is none either
    float values[kGroupLanes];
    store(code, values);
    for (int g = 0; g < kGroupLanes; ++g) batch.codes[i][g] = static_cast<std::uint8_t>(values[g]);
  }
}

/// Of the largest magnitude, the first; 0 where all are as good as 0.
BITJOULE_INLINE void find_extremes(const GroupBatch& batch, int n, Lanes& extreme) {
  Lanes largest = {};
  extreme = Lanes{};
  for (int i = 0; i < n; ++i) {
    Lanes x, magnitude;
    load(batch.x[i], x);
    magnitude = x;
    make_absolute(magnitude);
    const Masks is_larger = magnitude > largest;
    largest = is_larger ? magnitude : largest;
    extreme = is_larger ? x : extreme;
  }
  const Lanes zero = {};
  extreme = largest < kAllZero ? zero : extreme;
}

BITJOULE_INLINE void weigh(const GroupBatch& batch, int n, bool mean_weighted, Lanes* weights) {
  float base[kGroupLanes] = {};
  if (mean_weighted) {
    Lanes squares = {};
    for (int i = 0; i < n; ++i) {
      Lanes x;
      load(batch.x[i], x);
      squares += x * x;
    }
    store(squares / static_cast<float>(n), base);
    for (float& b : base) b = std::sqrt(b);
  }
  Lanes mean;
  load(base, mean);
  for (int i = 0; i < n; ++i) {
    load(batch.x[i], weights[i]);
    make_absolute(weights[i]);
    weights[i] = mean + weights[i];
  }
}

/// Adds the weighted error of one element.
BITJOULE_INLINE void add_error(const Lanes& scale, const Lanes& min, const Lanes& code,
                               const Lanes& x, const Lanes& weight, bool squared, Lanes& error) {
  Lanes difference = scale * code + min - x;
  if (squared)
    difference = difference * difference;
  else
    make_absolute(difference);
  error += weight * difference;
}

}  // namespace

int nearest_code(float value) {
  constexpr float kFar = 4194304.0f;
  if (value != value) return 0;
  value = value < -kFar ? -kFar : value;
  value = value > kFar ? kFar : value;
  return static_cast<int>((value + kRound) - kRound);
}

BITJOULE_VECTORIZE void search_scale_and_min(const MinSearch& search, int n, GroupBatch& batch) {
  const auto top = static_cast<float>(search.top);
  const bool squared = search.mean_weighted;
  const Lanes zero = {};
  Lanes x[kGroupLength], weights[kGroupLength] = {}, codes[kGroupLength], tried[kGroupLength];
  for (int i = 0; i < n; ++i) load(batch.x[i], x[i]);
  weigh(batch, n, search.mean_weighted, weights);
  Lanes min = x[0], high = x[0], sum_w = weights[0], sum_x = weights[0] * x[0];
  for (int i = 1; i < n; ++i) {
    min = x[i] < min ? x[i] : min;
    high = x[i] > high ? x[i] : high;
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  min = min > zero ? zero : min;
  const Masks is_flat = high == min;
  const Lanes flat_min = min;
  Lanes inverse = top / (high - min), scale = 1.0f / inverse, best = {};
  for (int i = 0; i < n; ++i) {
    codes[i] = inverse * (x[i] - min);
    round_within(0, top, codes[i]);
    add_error(scale, min, codes[i], x[i], weights[i], squared, best);
  }
  for (int s = 0; s <= search.steps; ++s) {
    // The range is that of the best minimum so far.
    inverse = (search.first + kStretch * static_cast<float>(s) + top) / (high - min);
    Lanes sum_l = {}, sum_l2 = {}, sum_xl = {}, error = {};
    for (int i = 0; i < n; ++i) {
      tried[i] = inverse * (x[i] - min);
      round_within(0, top, tried[i]);
      const Lanes wl = weights[i] * tried[i];
      sum_l += wl;
      sum_l2 += wl * tried[i];
      sum_xl += wl * x[i];
    }
    const Lanes determinant = sum_w * sum_l2 - sum_l * sum_l;
    Lanes new_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
    Lanes new_min = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
    new_scale = new_min > zero ? sum_xl / sum_l2 : new_scale;
    new_min = new_min > zero ? zero : new_min;
    for (int i = 0; i < n; ++i)
      add_error(new_scale, new_min, tried[i], x[i], weights[i], squared, error);
    const Masks is_better = (determinant > zero) & (error < best);
    if (!any(is_better)) continue;
    best = is_better ? error : best;
    scale = is_better ? new_scale : scale;
    min = is_better ? new_min : min;
    for (int i = 0; i < n; ++i) codes[i] = is_better ? tried[i] : codes[i];
  }
  store(is_flat ? zero : scale, batch.scale);
  store(-(is_flat ? flat_min : min), batch.min);
  store_codes(codes, n, 0, is_flat, batch);
}

BITJOULE_VECTORIZE void search_scale(int n, int half, GroupBatch& batch) {
  constexpr int kEachWay = 9;  // candidates: half - 0.9 .. half + 0.9 steps
  const auto steps = static_cast<float>(half);
  const Lanes zero = {};
  Lanes extreme, scale = {}, best = {}, chosen = {};
  find_extremes(batch, n, extreme);
  for (int s = -kEachWay - 1; s <= kEachWay; ++s) {
    if (s == 0) continue;
    const bool is_first = s < -kEachWay;  // the plain one
    const Lanes inverse = -(is_first ? steps : steps + kStretch * static_cast<float>(s)) / extreme;
    Lanes sum_xl = {}, sum_l2 = {};
    for (int i = 0; i < n; ++i) {
      Lanes x;
      load(batch.x[i], x);
      Lanes code = inverse * x;
      round_within(-steps, steps - 1, code);
      const Lanes w = x * x;
      sum_xl += w * x * code;
      sum_l2 += w * code * code;
    }
    if (is_first) {
      scale = sum_l2 != zero ? sum_xl / sum_l2 : zero;
      best = scale * sum_xl;
      chosen = inverse;
      continue;
    }
    const Masks is_better = (sum_l2 > zero) & (sum_xl * sum_xl > best * sum_l2);
    scale = is_better ? sum_xl / sum_l2 : scale;
    best = is_better ? scale * sum_xl : best;
    chosen = is_better ? inverse : chosen;
  }
  Lanes codes[kGroupLength];
  for (int i = 0; i < n; ++i) {
    load(batch.x[i], codes[i]);
    codes[i] = chosen * codes[i];
    round_within(-steps, steps - 1, codes[i]);
  }
  const Masks is_zero = extreme == zero;
  store(is_zero ? zero : scale, batch.scale);
  store_codes(codes, n, steps, is_zero, batch);
}

BITJOULE_VECTORIZE void descend_scale(int n, int half, GroupBatch& batch) {
  const auto steps = static_cast<float>(half);
  const Lanes zero = {};
  Lanes extreme, sum_xl = {}, sum_l2 = {}, x[kGroupLength], codes[kGroupLength];
  find_extremes(batch, n, extreme);
  const Masks is_zero = extreme == zero;
  const Lanes inverse = -steps / extreme;
  for (int i = 0; i < n; ++i) {
    load(batch.x[i], x[i]);
    codes[i] = inverse * x[i];
    round_within(-steps, steps - 1, codes[i]);
    const Lanes w = x[i] * x[i];
    sum_xl += w * x[i] * codes[i];
    sum_l2 += w * codes[i] * codes[i];
  }
  // A round without a change would only be repeated.
  bool is_changed = true;
  for (int round = 0; round < 5 && is_changed; ++round) {
    is_changed = false;
    for (int i = 0; i < n; ++i) {
      const Lanes w = x[i] * x[i];
      Lanes xl = sum_xl - w * x[i] * codes[i], l2 = sum_l2 - w * codes[i] * codes[i];
      const Masks may_move = xl > zero;
      Lanes moved = x[i] * l2 / xl;
      round_within(-steps, steps - 1, moved);
      xl += w * x[i] * moved;
      l2 += w * moved * moved;
      const Masks is_better =
          may_move & (moved != codes[i]) & (l2 > zero) & (xl * xl * sum_l2 > sum_xl * sum_xl * l2);
      codes[i] = is_better ? moved : codes[i];
      sum_xl = is_better ? xl : sum_xl;
      sum_l2 = is_better ? l2 : sum_l2;
      is_changed = is_changed || any(is_better);
    }
  }
  store(is_zero | !(sum_l2 > zero) ? zero : sum_xl / sum_l2, batch.scale);
  store_codes(codes, n, steps, is_zero, batch);
}

}  // namespace bitjoule
