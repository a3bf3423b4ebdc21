#include "core/oracle/mac_reference.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/vectorize.h"
#include "core/oracle/side_by_side.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

/// Inputs that stay in the second and third level of caches while all weights pass by, in elements:
/// the more, the less often weights are arranged.
constexpr std::int64_t kInputsAtOnce = 1 << 18;

/// Rows of inputs for which it pays to turn a matrix that lies as k rows of n.
constexpr std::int64_t kRowsToTurn = 4;

/// y[n] = sum over k of x[k] * w[n][k], four rows of w at once as they lie in memory: for one row
/// of x, arranging the weights would cost more than it saves.
template <class W>
void multiply_row(const double* x, const W* w, std::int64_t n, std::int64_t k, double* y) {
  std::int64_t row = 0;
  for (; row + 4 <= n; row += 4) {
    check_interrupt_after(k);
    const W *a = w + row * k, *b = a + k, *c = b + k, *d = c + k;
    double sums[4] = {0, 0, 0, 0};
    for (std::int64_t i = 0; i < k; ++i) {
      sums[0] += x[i] * static_cast<double>(a[i]);
      sums[1] += x[i] * static_cast<double>(b[i]);
      sums[2] += x[i] * static_cast<double>(c[i]);
      sums[3] += x[i] * static_cast<double>(d[i]);
    }
    std::copy_n(sums, 4, y + row);
  }
  for (; row < n; ++row) {
    double sum = 0;
    for (std::int64_t i = 0; i < k; ++i) sum += x[i] * static_cast<double>(w[row * k + i]);
    y[row] = sum;
  }
}

/// Elements up to about the last one of some rows that is not 0, in whole steps.
BITJOULE_VECTORIZE std::int64_t filled(const double* x, std::int64_t rows, std::int64_t k) {
  constexpr std::int64_t kAtOnce = 8;
  std::int64_t end = k;
  for (; end >= kAtOnce; end -= kAtOnce) {
    std::uint64_t any = 0;
    for (std::int64_t row = rows; row-- > 0 && any == 0;) {  // causal rows become longer
      const double* last = x + row * k + end - kAtOnce;
      for (std::int64_t i = 0; i < kAtOnce; ++i) any |= bits_of(last[i]) << 1;  // without the sign
    }
    if (any != 0) break;
  }
  return end;
}

template <class W>
bool are_finite(const W* w, std::int64_t n) {
  return std::all_of(w, w + n, [](W value) { return std::isfinite(value); });
}

/// Of blocks of kSumRows rows, the elements that their sums need: zeros at the end add +-0, which
/// changes no sum, as none is -0 that began at +0. Products with infinities and NaNs do.
template <class W>
std::vector<std::int64_t> needed(const double* x, std::int64_t rows, const W* w, std::int64_t n,
                                 std::int64_t k) {
  std::vector<std::int64_t> ends;
  bool has_less = false;
  for (std::int64_t row = 0; row < rows; row += kSumRows) {
    ends.push_back(filled(x + row * k, std::min(kSumRows, rows - row), k));
    has_less = has_less || ends.back() < k;
  }
  if (has_less && !are_finite(w, n * k)) ends.assign(ends.size(), k);
  return ends;
}

/// y[row * y_stride + n] = sum over k of x[row][k] * w[n][k], each sum by itself with k ascending.
/// `triangle`: rows of a matrix of which row i is wanted up to column n - triangle + i; 0: all are.
template <class W>
void multiply_rows(const double* x, std::int64_t rows, const W* w, std::int64_t n, std::int64_t k,
                   double* y, std::int64_t y_stride, std::int64_t triangle = 0) {
  if (rows == 1) return multiply_row(x, w, n, k, y);
  if constexpr (std::is_same_v<W, float>) {
    const std::int64_t wide = n / kFilledLanes * kFilledLanes;
    if (wide > 0 && triangle == 0 && has_many_zeros(x, rows * k) && are_finite(w, wide * k)) {
      filled_sums(x, rows, w, wide, k, y, y_stride);
      if (wide == n) return;
      return multiply_rows(x, rows, w + wide * k, n - wide, k, y + wide, y_stride);
    }
  }
  const std::vector<std::int64_t> ends = needed(x, rows, w, n, k);
  std::vector<std::int64_t> whole = {k};  // the only part of a sum
  const std::int64_t block = std::max(kSumRows, kInputsAtOnce / k / kSumRows * kSumRows);
  std::vector<double> panel;
  double sums[kSumRows * kSumLanes];
  for (std::int64_t first = 0; first < rows; first += block)
    for (std::int64_t n0 = 0; n0 < n; n0 += kSumLanes) {
      const std::int64_t width = std::min(kSumLanes, n - n0);
      std::array<const W*, kSumLanes> lanes;  // the last row's again where there are fewer
      for (std::int64_t lane = 0; lane < kSumLanes; ++lane)
        lanes[at(lane)] = w + (n0 + std::min(lane, width - 1)) * k;
      fill_panel(lanes, k, panel);
      const std::int64_t last = std::min(first + block, rows);
      for (std::int64_t row = first; row < last; row += kSumRows) {
        check_interrupt_after(kSumLanes * k);
        const std::int64_t count = std::min(kSumRows, last - row);
        whole.front() = ends[at(row / kSumRows)];
        if (triangle > 0 && n0 > n - triangle + std::min(row % triangle + count, triangle) - 1)
          continue;
        if (width == kSumLanes) {
          side_by_side(x + row * k, k, count, panel.data(), whole, y + row * y_stride + n0,
                       y_stride);
          continue;
        }
        side_by_side(x + row * k, k, count, panel.data(), whole, sums);
        for (std::int64_t r = 0; r < count; ++r)
          std::copy_n(sums + r * kSumLanes, width, y + (row + r) * y_stride + n0);
      }
    }
}

/// A matrix of k x n as n x k.
template <class W>
void turn(const W* from, std::int64_t k, std::int64_t n, std::vector<W>& to) {
  to.resize(at(n * k));
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < n; ++j) to[at(j * k + i)] = from[i * n + j];
}

template <class W>
std::vector<double> multiply(const Matmul& p, const std::vector<double>& x,
                             const std::vector<W>& w) {
  const auto rows_of = [&](std::int64_t b) { return std::min(p.shared, p.batch - b) * p.m; };
  std::vector<double> y = recycled<double>(at(p.batch * p.m * p.n));
  const std::int64_t triangle = p.lower ? p.m : 0;
  if (p.k_rows && p.shared * p.m >= kRowsToTurn) {
    std::vector<W> turned;
    for (std::int64_t b = 0; b < p.batch; b += p.shared) {
      check_interrupt_after(p.n * p.k);
      turn(&w[at(b / p.shared * p.n * p.k)], p.k, p.n, turned);
      multiply_rows(&x[at(b * p.m * p.k)], rows_of(b), turned.data(), p.n, p.k,
                    &y[at(b * p.m * p.n)], p.n, triangle);
    }
    return y;
  }
  if (p.k_rows) {
    std::fill(y.begin(), y.end(), 0.0);
    for (std::int64_t row = 0; row < p.batch * p.m; ++row) {
      check_interrupt_after(p.n * p.k);
      const std::int64_t matrix = row / p.m / p.shared * p.k;
      for (std::int64_t k = 0; k < p.k; ++k)
        for (std::int64_t n = 0; n < p.n; ++n)
          y[at(row * p.n + n)] +=
              x[at(row * p.k + k)] * static_cast<double>(w[at((matrix + k) * p.n + n)]);
    }
    return y;
  }
  for (std::int64_t b = 0; b < p.batch; b += p.shared)
    multiply_rows(&x[at(b * p.m * p.k)], rows_of(b), &w[at(b / p.shared * p.n * p.k)], p.n, p.k,
                  &y[at(b * p.m * p.n)], p.n, triangle);
  return y;
}

/// sums[c] = the sum over `count` rows of x[i][c] * w[i][c], i ascending; sixteen sums at a time
/// stay in registers.
BITJOULE_VECTORIZE void sum_positions(const double* const* x, const double* const* w,
                                      std::int64_t count, std::int64_t n, double* sums) {
  constexpr std::int64_t kTogether = 16;
  std::int64_t c = 0;
  for (; c + kTogether <= n; c += kTogether) {
    double chains[kTogether] = {};
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j < kTogether; ++j) chains[j] += x[i][c + j] * w[i][c + j];
    for (std::int64_t j = 0; j < kTogether; ++j) sums[c + j] = chains[j];
  }
  for (; c < n; ++c) {
    double chain = 0;
    for (std::int64_t i = 0; i < count; ++i) chain += x[i][c] * w[i][c];
    sums[c] = chain;
  }
}

/// The window of an output pixel over the channels of one group; zeros in the padding.
void gather_window(const Conv2d& c, const std::vector<double>& x, std::int64_t pixel,
                   std::int64_t group, double* to) {
  const std::int64_t depth = c.channels / c.groups;
  const std::int64_t ow = pixel % c.out_width(), oh = pixel / c.out_width() % c.out_height();
  const std::int64_t b = pixel / c.out_width() / c.out_height();
  for (std::int64_t kh = 0; kh < c.kernel_h; ++kh)
    for (std::int64_t kw = 0; kw < c.kernel_w; ++kw, to += depth) {
      const std::int64_t h = oh * c.stride_h + kh * c.dilation_h - c.pad_top;
      const std::int64_t v = ow * c.stride_w + kw * c.dilation_w - c.pad_left;
      if (h < 0 || h >= c.height || v < 0 || v >= c.width)
        std::fill_n(to, depth, 0.0);
      else
        std::copy_n(&x[at(((b * c.height + h) * c.width + v) * c.channels + group * depth)], depth,
                    to);
    }
}

/// Channels that are groups of their own, side by side; every sum as multiply_rows has it.
template <class W>
std::vector<double> convolve_depthwise(const Conv2d& c, const std::vector<double>& x,
                                       const std::vector<W>& w) {
  const std::int64_t k = c.kernel_h * c.kernel_w, n = c.channels;
  std::vector<double> by_position(at(k * n));
  std::vector<double> y = recycled<double>(at(c.batch * c.out_height() * c.out_width() * n));
  for (std::int64_t g = 0; g < n; ++g)
    for (std::int64_t i = 0; i < k; ++i)
      by_position[at(i * n + g)] = static_cast<double>(w[at(g * k + i)]);
  std::vector<const double*> inside(at(k)), weights(at(k));
  for (std::int64_t pixel = 0; pixel < c.batch * c.out_height() * c.out_width(); ++pixel) {
    check_interrupt_after(k * n / 4);
    const std::int64_t ow = pixel % c.out_width(), oh = pixel / c.out_width() % c.out_height();
    const std::int64_t b = pixel / c.out_width() / c.out_height();
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t h = oh * c.stride_h + i / c.kernel_w * c.dilation_h - c.pad_top;
      const std::int64_t v = ow * c.stride_w + i % c.kernel_w * c.dilation_w - c.pad_left;
      if (h < 0 || h >= c.height || v < 0 || v >= c.width) continue;
      inside[at(count)] = &x[at(((b * c.height + h) * c.width + v) * n)];
      weights[at(count++)] = &by_position[at(i * n)];
    }
    sum_positions(inside.data(), weights.data(), count, n, &y[at(pixel * n)]);
  }
  return y;
}

template <class W>
std::vector<double> convolve(const Conv2d& c, const std::vector<double>& x,
                             const std::vector<W>& w) {
  if (c.groups == c.channels && c.filters == c.groups && c.groups > 1)
    return convolve_depthwise(c, x, w);
  const bool is_product = c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 &&
                          c.stride_w == 1 && c.groups == 1 && c.out_height() == c.height &&
                          c.out_width() == c.width && c.pad_top == 0 && c.pad_left == 0;
  if (is_product)
    return multiply(Matmul{1, c.batch * c.height * c.width, c.filters, c.channels, 1}, x, w);
  const std::int64_t pixels = c.batch * c.out_height() * c.out_width();
  const std::int64_t k = c.kernel_h * c.kernel_w * (c.channels / c.groups);
  const std::int64_t filters = c.filters / c.groups;
  const std::int64_t block = std::min(pixels, std::max(kSumRows, kInputsAtOnce / k));
  std::vector<double> y = recycled<double>(at(pixels * c.filters));
  std::vector<double> windows = recycled<double>(at(block * k));
  for (std::int64_t g = 0; g < c.groups; ++g)
    for (std::int64_t first = 0; first < pixels; first += block) {
      const std::int64_t count = std::min(block, pixels - first);
      for (std::int64_t i = 0; i < count; ++i)
        gather_window(c, x, first + i, g, &windows[at(i * k)]);
      multiply_rows(windows.data(), count, &w[at(g * filters * k)], filters, k,
                    &y[at(first * c.filters + g * filters)], c.filters);
    }
  recycle(std::move(windows));
  return y;
}

BITJOULE_VECTORIZE void add_bias(const double* bias, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += bias[i];
}

BITJOULE_VECTORIZE void bound_results(double lo, double hi, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double raised = y[i] < lo ? lo : y[i];
    y[i] = hi < raised ? hi : raised;
  }
}

template <class W>
std::vector<double> evaluate(const LayerOp& op, const std::vector<double>& x,
                             const std::vector<W>& w, const ReferenceStage& stage) {
  std::vector<double> y;
  if (const auto* conv = std::get_if<Conv2d>(&op))
    y = convolve(*conv, x, w);
  else if (const auto* gemm = std::get_if<Gemm>(&op))
    y = multiply(Matmul{1, gemm->m, gemm->n, gemm->k}, x, w);
  else
    y = multiply(std::get<Matmul>(op), x, w);
  const auto channels = static_cast<std::int64_t>(stage.bias.size());
  const auto all = static_cast<std::int64_t>(y.size());
  const bool is_bounded = std::isfinite(stage.lo) || std::isfinite(stage.hi);
  // Row by row, so that bounds find them in the cache.
  const std::int64_t row = channels > 0 ? channels : std::min(all, kInputsAtOnce);
  for (std::int64_t first = 0; first < all; first += row) {
    const std::int64_t n = std::min(row, all - first);
    if (channels > 0) add_bias(stage.bias.data(), n, &y[at(first)]);
    if (is_bounded) bound_results(stage.lo, stage.hi, n, &y[at(first)]);
  }
  return y;
}

}  // namespace

std::vector<double> mac_reference(const LayerOp& op, const std::vector<double>& inputs,
                                  const std::vector<float>& weights, const ReferenceStage& stage) {
  return evaluate(op, inputs, weights, stage);
}

std::vector<double> mac_reference(const LayerOp& op, const std::vector<double>& inputs,
                                  const std::vector<double>& weights, const ReferenceStage& stage) {
  return evaluate(op, inputs, weights, stage);
}

}  // namespace bitjoule
