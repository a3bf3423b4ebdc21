#include "core/numeric/ggml_importance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/float_codec.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/ggml_k_search.h"

namespace bitjoule {
namespace {

constexpr int kElements = 32;
constexpr float kAsZero = 1e-15f;  // smaller magnitudes count as zeros

struct ImportanceRow {
  const char* format;
  int bits;
  bool has_min;
};
constexpr ImportanceRow kImportanceRows[] = {
    {"q4_0", 4, false}, {"q4_1", 4, true}, {"q5_0", 5, false}, {"q5_1", 5, true}};

const ImportanceRow* find_importance_row(const std::string& format) {
  for (const ImportanceRow& row : kImportanceRows)
    if (format == row.format) return &row;
  return nullptr;
}

using BlockCodes = std::array<int, kElements>;

/// Weighted sums of one candidate's codes l.
struct BlockSums {
  float l = 0, ll = 0, xl = 0;
  float lx = 0;  // xl, the weight times l first: GGML's ranges take their sums so
};

BlockSums sums_of(const float* x, const float* w, int n, const BlockCodes& codes) {
  BlockSums sums;
  for (int i = 0; i < n; ++i) {
    const auto l = static_cast<float>(codes[at(i)]);
    sums.l += w[i] * l;
    sums.ll += w[i] * l * l;
    sums.xl += w[i] * x[i] * l;
    sums.lx += w[i] * l * x[i];
  }
  return sums;
}

/// Moves single integers where that explains more, up to five rounds of all; their scale.
float descend(const float* x, const float* w, int n, int top, int* integers) {
  float xl = 0, ll = 0;
  const auto weighted = [&](int i, int l) { return w[i] * static_cast<float>(l); };
  for (int i = 0; i < n; ++i) {
    xl += w[i] * x[i] * static_cast<float>(integers[i]);
    ll += weighted(i, integers[i]) * static_cast<float>(integers[i]);
  }
  bool is_changed = true;
  for (int round = 0; round < 5 && is_changed; ++round) {
    is_changed = false;
    for (int i = 0; i < n; ++i) {
      const auto l = static_cast<float>(integers[i]);
      float moved_xl = xl - w[i] * x[i] * l, moved_ll = ll - weighted(i, integers[i]) * l;
      if (!(moved_xl > 0 && moved_ll > 0)) continue;
      const int moved = std::clamp(nearest_code(x[i] * moved_ll / moved_xl), 0, top);
      if (moved == integers[i]) continue;
      moved_xl += w[i] * x[i] * static_cast<float>(moved);
      moved_ll += weighted(i, moved) * static_cast<float>(moved);
      if (!(moved_xl * moved_xl * ll > xl * xl * moved_ll)) continue;
      integers[i] = moved;
      xl = moved_xl;
      ll = moved_ll;
      is_changed = true;
    }
  }
  return ll > 0 ? xl / ll : 0;
}

/// Scale, minimum, fifth bits, nibbles, as BlockCodec reads them.
void write_block(const ImportanceRow& row, const WeightedFit& block,
                 std::vector<std::uint8_t>& bytes) {
  std::uint8_t field[4];
  store16(field, encode_fp16_scale(block.scale));
  store16(field + 2, encode_fp16_scale(block.min));
  bytes.insert(bytes.end(), field, field + (row.has_min ? 4 : 2));
  if (row.bits == 5) {
    std::uint32_t high = 0;
    for (std::size_t i = 0; i < kElements; ++i)
      high |= static_cast<std::uint32_t>(block.codes[i] >> 4) << i;
    for (int byte = 0; byte < 4; ++byte)
      bytes.push_back(static_cast<std::uint8_t>(high >> (8 * byte)));
  }
  for (std::size_t i = 0; i < kElements / 2; ++i)
    bytes.push_back(static_cast<std::uint8_t>((block.codes[i] & 15) |
                                              ((block.codes[i + kElements / 2] & 15) << 4)));
}

}  // namespace

WeightedFit fit_scale(const float* x, const float* w, int n, int half) {
  float extreme = 0;
  for (int i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  WeightedFit fit;
  if (std::fabs(extreme) < kAsZero) return fit;
  constexpr int kEachWay = 9;
  constexpr float kStep = 0.1f;
  float best = 0;
  for (int s = -kEachWay - 1; s <= kEachWay; ++s) {
    if (s == 0) continue;
    const bool is_first = s < -kEachWay;  // the plain one
    const auto steps = static_cast<float>(half);
    const float inverse = -(is_first ? steps : steps + kStep * static_cast<float>(s)) / extreme;
    BlockCodes codes{};
    for (int i = 0; i < n; ++i)
      codes[at(i)] = std::clamp(nearest_code(inverse * x[i]), -half, half - 1);
    const BlockSums sums = sums_of(x, w, n, codes);
    const bool is_better = sums.ll > 0 && sums.xl * sums.xl > best * sums.ll;
    if (!is_first && !is_better) continue;
    fit.scale = sums.ll != 0 ? sums.xl / sums.ll : 0;
    best = fit.scale * sums.xl;
    for (int i = 0; i < n; ++i) fit.codes[at(i)] = static_cast<std::uint8_t>(codes[at(i)] + half);
  }
  return fit;
}

WeightedFit fit_range(const float* x, const float* w, int n, int top) {
  constexpr int kSteps = 36;
  constexpr float kFirst = -0.9f, kStep = 0.05f;
  float min = x[0], max = x[0], sum_w = 0, sum_x = 0;
  for (int i = 0; i < n; ++i) {
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  min = std::min(min, 0.0f);
  WeightedFit fit;
  fit.min = min;
  if (max <= min) return fit;
  const auto steps = static_cast<float>(top);
  const auto try_range = [&](float inverse, BlockCodes& codes) {
    for (int i = 0; i < n; ++i)
      codes[at(i)] = std::clamp(nearest_code(inverse * (x[i] - fit.min)), 0, top);
  };
  const auto error = [&](float scale, float least, const BlockCodes& codes) {
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const float difference = scale * static_cast<float>(codes[at(i)]) + least - x[i];
      sum += w[i] * (difference * difference);
    }
    return sum;
  };
  const auto take = [&](float scale, float least, const BlockCodes& codes) {
    fit.scale = scale;
    fit.min = least;
    for (int i = 0; i < n; ++i) fit.codes[at(i)] = static_cast<std::uint8_t>(codes[at(i)]);
  };
  BlockCodes codes{};
  try_range(steps / (max - min), codes);
  take(1 / (steps / (max - min)), min, codes);
  float best = error(fit.scale, fit.min, codes);
  for (int s = 0; s <= kSteps; ++s) {
    // The range is that of the best minimum so far.
    try_range((kFirst + kStep * static_cast<float>(s) + steps) / (max - fit.min), codes);
    const BlockSums sums = sums_of(x, w, n, codes);
    const float determinant = sum_w * sums.ll - sums.l * sums.l;
    if (!(determinant > 0)) continue;
    float scale = (sum_w * sums.lx - sum_x * sums.l) / determinant;
    float least = (sums.ll * sum_x - sums.l * sums.lx) / determinant;
    if (least > 0) {
      least = 0;
      scale = sums.lx / sums.ll;
    }
    const float e = error(scale, least, codes);
    if (!(e < best)) continue;
    best = e;
    take(scale, least, codes);
  }
  return fit;
}

float fit_positive(const float* x, const float* w, int n, int top, int* integers) {
  const float max = std::max(0.0f, *std::max_element(x, x + n));
  if (max < kAsZero) {
    std::fill(integers, integers + n, 0);
    return 0;
  }
  const auto steps = static_cast<float>(top);
  const auto code = [&](float inverse, int i) {
    return std::clamp(nearest_code(inverse * x[i]), 0, top);
  };
  constexpr int kEachWay = 4;
  constexpr float kStep = 0.1f;
  float chosen = steps / max, best = 0;
  for (int s = -kEachWay - 1; s <= kEachWay; ++s) {
    if (s == 0) continue;
    const bool is_first = s < -kEachWay;  // the plain one
    const float inverse = is_first ? steps / max : (kStep * static_cast<float>(s) + steps) / max;
    const float scale = 1 / inverse;
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const float difference = x[i] - scale * static_cast<float>(code(inverse, i));
      error += w[i] * difference * difference;
    }
    if (!is_first && !(error < best)) continue;
    best = error;
    chosen = inverse;
  }
  for (int i = 0; i < n; ++i) integers[i] = code(chosen, i);
  return descend(x, w, n, top, integers);
}

bool has_importance_blocks(const std::string& format) {
  return find_importance_row(format) != nullptr || is_k_quant(format);
}

std::vector<std::uint8_t> importance_blocks(const std::string& format, const float* data,
                                            std::int64_t rows, std::int64_t k,
                                            const std::vector<double>& importance) {
  std::vector<std::uint8_t> bytes;
  const std::vector<float> weights(importance.begin(), importance.end());
  if (is_k_quant(format)) {
    for (std::int64_t r = 0; r < rows; ++r) {
      check_interrupt_after(64 * k);
      add_k_quant_row(format, data + r * k, k, weights.data(), bytes);
    }
    return bytes;
  }
  const ImportanceRow* row = find_importance_row(format);
  if (row == nullptr || k % kElements != 0)
    throw internal_error(format + ": no blocks of 32 that are chosen by importance");
  for (std::int64_t r = 0; r < rows; ++r) {
    check_interrupt_after(64 * k);
    const float* x = data + r * k;
    float squares = 0;
    for (std::int64_t i = 0; i < k; ++i) squares += x[i] * x[i];
    const float mean = squares / static_cast<float>(k);
    for (std::int64_t first = 0; first < k; first += kElements) {
      std::array<float, kElements> w{};
      for (std::int64_t i = 0; i < kElements; ++i)
        w[at(i)] = weights[at(first + i)] * std::sqrt(mean + x[first + i] * x[first + i]);
      const int half = 1 << (row->bits - 1);
      write_block(*row,
                  row->has_min ? fit_range(x + first, w.data(), kElements, 2 * half - 1)
                               : fit_scale(x + first, w.data(), kElements, half),
                  bytes);
    }
  }
  return bytes;
}

}  // namespace bitjoule
