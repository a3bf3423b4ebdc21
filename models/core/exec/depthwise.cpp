#include "core/exec/depthwise.h"

#include <algorithm>

#include "core/exec/layer_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// sums[c] += the sum over `count` rows of x[i][c] * w[i][c]; sixteen sums at a time stay in
/// registers.
BITJOULE_VECTORIZE void add_products(const std::int16_t* const* x, const std::int16_t* w,
                                     std::int64_t count, std::int64_t n, std::int32_t* sums) {
  constexpr std::int64_t kTogether = 16;
  std::int64_t c = 0;
  for (; c + kTogether <= n; c += kTogether) {
    std::int32_t chains[kTogether];
    for (std::int64_t j = 0; j < kTogether; ++j) chains[j] = sums[c + j];
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j < kTogether; ++j)
        chains[j] += std::int32_t{x[i][c + j]} * std::int32_t{w[i * n + c + j]};
    for (std::int64_t j = 0; j < kTogether; ++j) sums[c + j] = chains[j];
  }
  for (; c < n; ++c)
    for (std::int64_t i = 0; i < count; ++i)
      sums[c] += std::int32_t{x[i][c]} * std::int32_t{w[i * n + c]};
}

}  // namespace

void add_depthwise(const Lowered& l, const Tile& tile, const std::vector<std::int16_t>& inputs,
                   const std::vector<std::int16_t>& weights, std::int16_t zero,
                   std::vector<std::int32_t>& accumulators) {
  const std::int64_t channels = tile.groups(), k = tile.k();
  std::vector<std::int16_t> by_position(at(k * channels));
  for (std::int64_t g = 0; g < channels; ++g)
    for (std::int64_t i = 0; i < k; ++i)
      by_position[at(i * channels + g)] =
          weights[at(l.weight_row(tile.g0 + g, 0) * l.extents.k + tile.k0 + i)];
  const std::vector<std::int16_t> padding(at(channels), zero);
  std::vector<const std::int16_t*> window(at(k));
  for (std::int64_t m = 0; m < tile.m(); ++m) {
    check_interrupt_after(k * channels / 8);
    const std::int64_t pixel = output_pixel(l, tile, m);
    std::int32_t* sums = &accumulators[at(l.output_index(tile.g0, pixel, 0))];
    if (tile.k0 == 0) std::fill_n(sums, channels, 0);
    const Lowered::Window begin = l.window(pixel);
    const std::int64_t first = begin.batch * l.height;
    std::int64_t row = tile.k0 / l.kernel_w, column = tile.k0 % l.kernel_w;
    for (const std::int16_t*& position : window) {
      const std::int64_t h = begin.row + row * l.dilation_h;
      const std::int64_t w = begin.column + column * l.dilation_w;
      const bool is_inside = h >= 0 && h < l.height && w >= 0 && w < l.width;
      position = is_inside ? &inputs[at(((first + h) * l.width + w) * l.extents.groups + tile.g0)]
                           : padding.data();
      if (++column == l.kernel_w) column = 0, ++row;
    }
    add_products(window.data(), by_position.data(), k, channels, sums);
  }
}

}  // namespace bitjoule
