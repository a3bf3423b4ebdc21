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

using Floats = std::array<float, kElements>;
struct Block {
  float scale = 0, min = 0;
  std::array<std::uint8_t, kElements> codes{};
};

/// Sums of one candidate's codes l.
struct Fit {
  float l = 0, ll = 0, xl = 0;
};

Fit fit_of(const float* x, const Floats& w, const std::array<int, kElements>& codes) {
  Fit fit;
  for (std::size_t i = 0; i < kElements; ++i) {
    const auto l = static_cast<float>(codes[i]);
    fit.l += w[i] * l;
    fit.ll += w[i] * l * l;
    fit.xl += w[i] * x[i] * l;
  }
  return fit;
}

/// x ~ scale * (code - half).
Block symmetric_block(const float* x, const Floats& w, int half) {
  float extreme = 0;
  for (int i = 0; i < kElements; ++i)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  Block block;
  if (std::fabs(extreme) < kAsZero) return block;
  constexpr int kEachWay = 9;
  constexpr float kStep = 0.1f;
  float best = 0;
  for (int s = -kEachWay - 1; s <= kEachWay; ++s) {
    if (s == 0) continue;
    const bool is_first = s < -kEachWay;  // the plain one
    const auto steps = static_cast<float>(half);
    const float inverse = -(is_first ? steps : steps + kStep * static_cast<float>(s)) / extreme;
    std::array<int, kElements> codes{};
    for (std::size_t i = 0; i < kElements; ++i)
      codes[i] = std::clamp(nearest_code(inverse * x[i]), -half, half - 1);
    const Fit fit = fit_of(x, w, codes);
    const bool is_better = fit.ll > 0 && fit.xl * fit.xl > best * fit.ll;
    if (!is_first && !is_better) continue;
    block.scale = fit.ll != 0 ? fit.xl / fit.ll : 0;
    best = block.scale * fit.xl;
    for (std::size_t i = 0; i < kElements; ++i)
      block.codes[i] = static_cast<std::uint8_t>(codes[i] + half);
  }
  return block;
}

/// x ~ scale * code + min, min at most 0.
Block asymmetric_block(const float* x, const Floats& w, int top) {
  constexpr int kSteps = 36;
  constexpr float kFirst = -0.9f, kStep = 0.05f;
  float min = x[0], max = x[0], sum_w = 0, sum_x = 0;
  for (std::size_t i = 0; i < kElements; ++i) {
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  min = std::min(min, 0.0f);
  Block block;
  block.min = min;
  if (max <= min) return block;
  const auto steps = static_cast<float>(top);
  const auto try_range = [&](float inverse, std::array<int, kElements>& codes) {
    for (std::size_t i = 0; i < kElements; ++i)
      codes[i] = std::clamp(nearest_code(inverse * (x[i] - block.min)), 0, top);
  };
  const auto error = [&](float scale, float least, const std::array<int, kElements>& codes) {
    float sum = 0;
    for (std::size_t i = 0; i < kElements; ++i) {
      const float difference = scale * static_cast<float>(codes[i]) + least - x[i];
      sum += w[i] * (difference * difference);
    }
    return sum;
  };
  const auto take = [&](float scale, float least, const std::array<int, kElements>& codes) {
    block.scale = scale;
    block.min = least;
    for (std::size_t i = 0; i < kElements; ++i)
      block.codes[i] = static_cast<std::uint8_t>(codes[i]);
  };
  std::array<int, kElements> codes{};
  try_range(steps / (max - min), codes);
  take((max - min) / steps, min, codes);
  float best = error(block.scale, block.min, codes);
  for (int s = 0; s <= kSteps; ++s) {
    // The range is that of the best minimum so far.
    try_range((kFirst + kStep * static_cast<float>(s) + steps) / (max - block.min), codes);
    const Fit fit = fit_of(x, w, codes);
    const float determinant = sum_w * fit.ll - fit.l * fit.l;
    if (!(determinant > 0)) continue;
    float scale = (sum_w * fit.xl - sum_x * fit.l) / determinant;
    float least = (fit.ll * sum_x - fit.l * fit.xl) / determinant;
    if (least > 0) {
      least = 0;
      scale = fit.xl / fit.ll;
    }
    const float e = error(scale, least, codes);
    if (!(e < best)) continue;
    best = e;
    take(scale, least, codes);
  }
  return block;
}

/// Scale, minimum, fifth bits, nibbles, as BlockCodec reads them.
void write_block(const ImportanceRow& row, const Block& block, std::vector<std::uint8_t>& bytes) {
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

bool has_importance_blocks(const std::string& format) {
  return find_importance_row(format) != nullptr;
}

std::vector<std::uint8_t> importance_blocks(const std::string& format, const float* data,
                                            std::int64_t rows, std::int64_t k,
                                            const std::vector<double>& importance) {
  const ImportanceRow* row = find_importance_row(format);
  if (row == nullptr || k % kElements != 0)
    throw internal_error(format + ": no blocks of 32 that are chosen by importance");
  std::vector<std::uint8_t> bytes;
  for (std::int64_t r = 0; r < rows; ++r) {
    check_interrupt_after(64 * k);
    const float* x = data + r * k;
    float squares = 0;
    for (std::int64_t i = 0; i < k; ++i) squares += x[i] * x[i];
    const float mean = squares / static_cast<float>(k);
    for (std::int64_t first = 0; first < k; first += kElements) {
      Floats w;
      for (std::int64_t i = 0; i < kElements; ++i)
        w[at(i)] = static_cast<float>(importance[at(first + i)]) *
                   std::sqrt(mean + x[first + i] * x[first + i]);
      const int half = 1 << (row->bits - 1);
      write_block(*row,
                  row->has_min ? asymmetric_block(x + first, w, 2 * half - 1)
                               : symmetric_block(x + first, w, half),
                  bytes);
    }
  }
  return bytes;
}

}  // namespace bitjoule
