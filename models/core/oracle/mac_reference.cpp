#include "core/oracle/mac_reference.h"

#include <algorithm>

namespace bitjoule {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// y[r] = sum over k of x[k] * w[r][k], four rows at once.
template <class W>
void multiply_rows(const double* x, const W* w, std::int64_t rows, std::int64_t k, double* y) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const W *a = w + r * k, *b = a + k, *c = b + k, *d = c + k;
    double sums[4] = {0, 0, 0, 0};
    for (std::int64_t i = 0; i < k; ++i) {
      sums[0] += x[i] * static_cast<double>(a[i]);
      sums[1] += x[i] * static_cast<double>(b[i]);
      sums[2] += x[i] * static_cast<double>(c[i]);
      sums[3] += x[i] * static_cast<double>(d[i]);
    }
    std::copy_n(sums, 4, y + r);
  }
  for (; r < rows; ++r) {
    double sum = 0;
    for (std::int64_t i = 0; i < k; ++i) sum += x[i] * static_cast<double>(w[r * k + i]);
    y[r] = sum;
  }
}

/// The window of an output pixel over the channels of one group; zeros in the padding.
void gather_window(const Conv2d& c, const std::vector<double>& x, std::int64_t pixel,
                   std::int64_t group, std::vector<double>& window) {
  const std::int64_t depth = c.channels / c.groups;
  const std::int64_t ow = pixel % c.out_width(), oh = pixel / c.out_width() % c.out_height();
  const std::int64_t b = pixel / c.out_width() / c.out_height();
  double* to = window.data();
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

template <class W>
std::vector<double> convolve(const Conv2d& c, const std::vector<double>& x,
                             const std::vector<W>& w) {
  const std::int64_t pixels = c.batch * c.out_height() * c.out_width();
  const std::int64_t k = c.kernel_h * c.kernel_w * (c.channels / c.groups);
  const std::int64_t filters = c.filters / c.groups;
  std::vector<double> y(at(pixels * c.filters)), window(at(k));
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel)
    for (std::int64_t g = 0; g < c.groups; ++g) {
      gather_window(c, x, pixel, g, window);
      multiply_rows(window.data(), &w[at(g * filters * k)], filters, k,
                    &y[at(pixel * c.filters + g * filters)]);
    }
  return y;
}

template <class W>
std::vector<double> multiply(const Matmul& p, const std::vector<double>& x,
                             const std::vector<W>& w) {
  std::vector<double> y(at(p.batch * p.m * p.n));
  for (std::int64_t row = 0; row < p.batch * p.m; ++row)
    multiply_rows(&x[at(row * p.k)], &w[at(row / p.m / p.shared * p.n * p.k)], p.n, p.k,
                  &y[at(row * p.n)]);
  return y;
}

template <class W>
std::vector<double> evaluate(const LayerOp& op, const std::vector<double>& x,
                             const std::vector<W>& w, const ReferenceStage& stage) {
  std::vector<double> y;
  std::int64_t channels = 0;
  if (const auto* conv = std::get_if<Conv2d>(&op)) {
    y = convolve(*conv, x, w);
    channels = conv->filters;
  } else if (const auto* gemm = std::get_if<Gemm>(&op)) {
    y = multiply(Matmul{1, gemm->m, gemm->n, gemm->k, 1}, x, w);
    channels = gemm->n;
  } else {
    y = multiply(std::get<Matmul>(op), x, w);
  }
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!stage.bias.empty()) y[i] += stage.bias[i % at(channels)];
    y[i] = std::min(std::max(y[i], stage.lo), stage.hi);
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
