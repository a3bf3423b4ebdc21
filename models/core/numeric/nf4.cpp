#include "core/numeric/nf4.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/numeric/statistics.h"
#include "core/numeric/vectorize.h"
#include "core/units.h"

namespace bitjoule {
namespace {

constexpr float kNf4[16] = {-1.0f,
                            -0.6961928009986877f,
                            -0.5250730514526367f,
                            -0.39491748809814453f,
                            -0.28444138169288635f,
                            -0.18477343022823334f,
                            -0.09105003625154495f,
                            0.0f,
                            0.07958029955625534f,
                            0.16093020141124725f,
                            0.24611230194568634f,
                            0.33791524171829224f,
                            0.44070982933044434f,
                            0.5626170039176941f,
                            0.7229568362236023f,
                            1.0f};

// Between neighbours, as bitsandbytes decides (dQuantizeNF4): four of its midpoints are a unit in
// the last place off those of the table in fp32.
constexpr float kThresholds[15] = {
    -0.8480964004993439f,  -0.6106329262256622f,  -0.4599952697753906f,   -0.33967943489551544f,
    -0.23460740596055984f, -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f,
    0.1202552504837513f,   0.2035212516784668f,   0.2920137718319893f,    0.3893125355243683f,
    0.5016634166240692f,   0.6427869200706482f,   0.8614784181118011f};

constexpr std::uint16_t kNf4Order[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Sign and three bits: 0, 0.0625, 8, 12, 4, 6, 2, 3, each divided by 12.
constexpr float kFp4[16] = {0.0f,       0.0625f / 12, 8.0f / 12,  1.0f,          4.0f / 12,  0.5f,
                            2.0f / 12,  0.25f,        0.0f,       -0.0625f / 12, -8.0f / 12, -1.0f,
                            -4.0f / 12, -0.5f,        -2.0f / 12, -0.25f};
// 0 is code 0; code 8, a negative 0, is not written.
constexpr std::uint16_t kFp4Order[16] = {11, 10, 13, 12, 15, 14, 9, 0, 0, 1, 6, 7, 4, 5, 2, 3};
constexpr float middle(int i) { return (kFp4[kFp4Order[i]] + kFp4[kFp4Order[i + 1]]) / 2; }
constexpr float kFp4Thresholds[15] = {middle(0),  middle(1),  middle(2),  middle(3),  middle(4),
                                      middle(5),  middle(6),  0.0f,       middle(8),  middle(9),
                                      middle(10), middle(11), middle(12), middle(13), middle(14)};

BITJOULE_VECTORIZE_WIDELY void find_loop(const Codebook& book, float scale, const float* x,
                                         std::int64_t n, std::uint16_t* places) {
  float thresholds[15];  // a copy: else the compiler vectorises the wrong loop
  for (int j = 0; j < 15; ++j) thresholds[j] = book.thresholds[j];
  // Counted in 32 bits: else each comparison is narrowed by itself.
  constexpr std::int64_t kPiece = 64;
  std::int32_t counts[kPiece];
  for (std::int64_t first = 0; first < n; first += kPiece) {
    const std::int64_t count = std::min(kPiece, n - first);
    for (std::int64_t i = 0; i < count; ++i) {
      float t = x[first + i] / scale;
      t = t == t ? t : 0.0f;
      std::int32_t place = 0;
      for (int j = 0; j < 15; ++j) place += t > thresholds[j] ? 1 : 0;
      counts[i] = place;
    }
    for (std::int64_t i = 0; i < count; ++i)
      places[first + i] = static_cast<std::uint16_t>(counts[i]);
  }
}

std::array<float, 256> make_dynamic8() {
  std::array<float, 256> table{};
  std::size_t used = 0;
  for (int i = 0; i < 7; ++i) {
    const int parts = 1 << i;
    for (int p = 0; p < parts; ++p) {
      const double middle = 0.1 + 0.9 * (p + 0.5) / parts;
      const auto value = static_cast<float>(std::pow(10.0, i - 6) * middle);
      table[used++] = value;
      table[used++] = -value;
    }
  }
  table[used++] = 0.0f;
  table[used++] = 1.0f;
  std::sort(table.begin(), table.end());
  return table;
}

std::uint8_t nearest_dynamic8(float value) {
  const float* table = dynamic8_table();
  std::size_t smaller = 0;  // as std::lower_bound has it, without branches, half of which go wrong
  for (std::size_t step = 128; step > 0; step /= 2)
    smaller += table[smaller + step - 1] < value ? step : 0;
  smaller += table[smaller] < value ? 1 : 0;
  const float* above = table + smaller;
  if (above == table) return 0;
  if (above == table + 256) return 255;
  const bool lower = value - above[-1] <= *above - value;
  return static_cast<std::uint8_t>(above - table - (lower ? 1 : 0));
}

}  // namespace

const Codebook& codebook_of(const std::string& format) {
  static const Codebook kNormal = {kNf4, kThresholds, kNf4Order};
  static const Codebook kFloat = {kFp4, kFp4Thresholds, kFp4Order};
  return format.rfind("nf4", 0) == 0 ? kNormal : kFloat;
}

void encode_codebook(const Codebook& book, float scale, const float* x, std::int64_t n,
                     std::uint16_t* codes) {
  find_loop(book, scale, x, n, codes);
  if (book.order == kNf4Order) return;  // as they ascend
  for (std::int64_t i = 0; i < n; ++i) codes[i] = book.order[codes[i]];
}

BITJOULE_VECTORIZE_WIDELY void decode_codebook(const Codebook& book, float scale,
                                               const std::uint16_t* codes, std::int64_t n,
                                               float* values) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = scale * book.values[codes[i]];
}

const float* dynamic8_table() {
  static const std::array<float, 256> table = make_dynamic8();
  return table.data();
}

DoubleQuantized double_quantize(const std::vector<float>& scales) {
  DoubleQuantized result;
  double sum = 0;
  for (float s : scales) sum += static_cast<double>(s);
  const auto count = static_cast<std::int64_t>(scales.size());
  result.mean = static_cast<float>(sum / static_cast<double>(count));
  std::vector<float> centred;
  for (float s : scales) centred.push_back(s - result.mean);
  for (std::int64_t start = 0; start < count; start += kDoubleQuantBlock) {
    const std::int64_t n = std::min(kDoubleQuantBlock, count - start);
    const float* block = centred.data() + start;
    const float largest = abs_max(block, n);
    result.block_scales.push_back(largest);
    for (std::int64_t i = 0; i < n; ++i) {
      result.codes.push_back(nearest_dynamic8(largest == 0 ? 0.0f : block[i] / largest));
    }
  }
  return result;
}

}  // namespace bitjoule
