#include "core/exec/layer_values.h"

#include <algorithm>
#include <cmath>

#include "core/exec/kernels.h"
#include "core/index.h"
#include "core/numeric/mac.h"

namespace bitjoule {
namespace {

/// All codes of a tensor, rows one after the other.
std::vector<std::int16_t> all_codes(const QuantizedTensor& t) {
  std::vector<std::int16_t> codes(at(t.rows() * t.k()));
  for (std::int64_t r = 0; r < t.rows(); ++r) t.codes(r, 0, t.k(), &codes[at(r * t.k())]);
  return codes;
}

/// All values of a tensor in the format of the MAC: decoded, then rounded once.
std::vector<float> all_values(const QuantizedTensor& t, const MacType& mac) {
  std::vector<float> values(at(t.rows() * t.k()));
  t.decode(values.data());
  if (mac.name != "fp32") round_to(mac.fp, values.data(), t.rows() * t.k(), values.data());
  return values;
}

template <class T>
void fill_inputs(const MappingProblem& p, const Tile& tile, const std::vector<T>& tensor,
                 const T& padding, Panel<T>& panel) {
  const Lowered& l = p.layer;
  panel.k0 = tile.k0;
  panel.k = tile.k();
  panel.data.resize(at(tile.groups() * tile.m() * tile.k()));
  T* out = panel.data.data();
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      const std::int64_t pixel = output_pixel(l, tile, m);
      // One run of channels per kernel position.
      for (std::int64_t k = tile.k0; k < tile.k1;) {
        const std::int64_t run = std::min(l.channels - k % l.channels, tile.k1 - k);
        const std::int64_t from = l.input_index(g, pixel, k);
        if (from < 0)
          std::fill_n(out, run, padding);
        else
          std::copy_n(&tensor[at(from)], run, out);
        out += run;
        k += run;
      }
    }
}

template <class T>
void fill_weights(const MappingProblem& p, const Tile& tile, const std::vector<T>& tensor,
                  Panel<T>& panel) {
  const Lowered& l = p.layer;
  panel.k0 = tile.k0;
  panel.k = tile.k();
  panel.data.resize(at(tile.groups() * tile.n() * tile.k()));
  T* out = panel.data.data();
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t n = tile.n0; n < tile.n1; ++n, out += tile.k())
      std::copy_n(&tensor[at(l.weight_row(g, n) * l.extents.k + tile.k0)], tile.k(), out);
}

}  // namespace

std::int64_t output_pixel(const Lowered& l, const Tile& tile, std::int64_t m) {
  const std::int64_t cols = tile.c1 - tile.c0, rows = tile.r1 - tile.r0;
  const std::int64_t c = tile.c0 + m % cols, r = tile.r0 + m / cols % rows;
  return ((tile.b0 + m / cols / rows) * l.out_height + r) * l.out_width + c;
}

LayerValues::LayerValues(const MappingProblem& problem, const QuantizedTensor& inputs,
                         const QuantizedTensor& weights, Requantize mode)
    : problem_(problem), inputs_(inputs), weights_(weights), mode_(mode) {
  const std::size_t results = at(problem.layer.output_elements());
  if (is_integer()) {
    xi_ = all_codes(inputs);
    wi_ = all_codes(weights);
  } else {
    xf_ = all_values(inputs, problem.path.mac);
    wf_ = all_values(weights, problem.path.mac);
  }
  if (is_integer() && problem.path.scale_group == 0)
    acc_i_.resize(results);
  else
    acc_f_.resize(results);
  outputs_.resize(results);
  if (integer_output()) output_codes_.resize(results);
}

bool LayerValues::integer_output() const {
  return problem_.path.output.layout.format->cls == FormatClass::kInteger;
}

void LayerValues::load_panels(const Tile& tile) {
  if (is_integer()) {
    // Padding stands for zero: its code is the zero-point.
    fill_inputs(problem_, tile, xi_, static_cast<std::int16_t>(inputs_.zero_point(0, 0)), ai_);
    fill_weights(problem_, tile, wi_, bi_);
  } else {
    fill_inputs(problem_, tile, xf_, 0.0f, af_);
    fill_weights(problem_, tile, wf_, bf_);
  }
}

/// True where no sum of the layer can leave int32, so that only the result matters.
bool LayerValues::sums_fit() const {
  const NativeInteger w = native_integer(problem_.path.weights.format);
  const NativeInteger a = native_integer(problem_.path.activations.format);
  const std::int64_t product = std::int64_t{std::max(std::abs(w.min_code), std::abs(w.max_code))} *
                               std::max(std::abs(a.min_code), std::abs(a.max_code));
  return product <= INT32_MAX / std::max<std::int64_t>(1, problem_.layer.extents.k);
}

void LayerValues::compute_tile(const Tile& tile) {
  load_panels(tile);
  if (!is_integer())
    compute_float(tile);
  else if (problem_.path.scale_group != 0 || !sums_fit())
    for_each_fold(problem_, tile, [&](const FoldJob& job) { compute_integer_fold(tile, job); });
  else
    compute_integer(tile);
}

void LayerValues::compute_integer(const Tile& tile) {
  std::vector<std::int32_t> sums(at(tile.m() * tile.n()));
  for (std::int64_t g = tile.g0; g < tile.g1; ++g) {
    const std::int64_t i = g - tile.g0;
    multiply_integers(ai_.row(i * tile.m()), bi_.row(i * tile.n()), tile.m(), tile.n(), tile.k(),
                      sums.data());
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      const std::int64_t pixel = output_pixel(problem_.layer, tile, m);
      std::int32_t* acc = &acc_i_[at(problem_.layer.output_index(g, pixel, tile.n0))];
      for (std::int64_t n = 0; n < tile.n(); ++n) {
        const std::int32_t sum = sums[at(m * tile.n() + n)];
        acc[n] = tile.k0 == 0 ? sum : acc[n] + sum;
      }
    }
  }
}

void LayerValues::compute_integer_fold(const Tile& tile, const FoldJob& job) {
  const std::int64_t g = job.g - tile.g0;
  for (std::int64_t m = job.m0; m < job.m1; ++m) {
    const std::int16_t* a = ai_.row(g * tile.m() + m) + (job.k0 - tile.k0);
    for (std::int64_t n = job.n0; n < job.n1; ++n) {
      const std::int16_t* b = bi_.row(g * tile.n() + n - tile.n0) + (job.k0 - tile.k0);
      std::int32_t sum = 0;
      bool overflow = false;
      for (std::int64_t k = 0; k < job.k(); ++k)
        overflow |= accumulate(sum, std::int64_t{a[k]} * b[k]);
      overflows_ += overflow ? 1 : 0;
      add_result(tile, job, m, n, sum);
    }
  }
}

void LayerValues::compute_float(const Tile& tile) {
  std::vector<float> sums;
  for_each_fold(problem_, tile, [&](const FoldJob& job) {
    const std::int64_t g = job.g - tile.g0;
    sums.resize(at(job.m() * job.n()));
    multiply_floats(af_.row(g * tile.m() + job.m0) + (job.k0 - tile.k0),
                    bf_.row(g * tile.n() + job.n0 - tile.n0) + (job.k0 - tile.k0), tile.k(),
                    job.m(), job.n(), job.k(), sums.data());
    for (std::int64_t m = 0; m < job.m(); ++m) {
      const std::int64_t pixel = output_pixel(problem_.layer, tile, job.m0 + m);
      float* acc = &acc_f_[at(problem_.layer.output_index(job.g, pixel, job.n0))];
      const float* sum = &sums[at(m * job.n())];
      for (std::int64_t n = 0; n < job.n(); ++n) acc[n] = job.k0 == 0 ? sum[n] : acc[n] + sum[n];
    }
  });
}

void LayerValues::add_result(const Tile& tile, const FoldJob& job, std::int64_t m, std::int64_t n,
                             float sum) {
  const std::int64_t pixel = output_pixel(problem_.layer, tile, m);
  float& acc = acc_f_[at(problem_.layer.output_index(job.g, pixel, n))];
  acc = job.k0 == 0 ? sum : acc + sum;
}

void LayerValues::add_result(const Tile& tile, const FoldJob& job, std::int64_t m, std::int64_t n,
                             std::int32_t sum) {
  const Lowered& l = problem_.layer;
  const std::int64_t pixel = output_pixel(l, tile, m);
  const std::int64_t index = l.output_index(job.g, pixel, n);
  if (problem_.path.scale_group == 0) {
    if (job.k0 == 0)
      acc_i_[at(index)] = sum;
    else
      overflows_ += accumulate(acc_i_[at(index)], sum) ? 1 : 0;
    return;
  }
  const float term = scaled(job.g, pixel, n, job.k0, job.k1, sum);
  acc_f_[at(index)] = job.k0 == 0 ? term : acc_f_[at(index)] + term;
}

float LayerValues::scaled(std::int64_t g, std::int64_t pixel, std::int64_t n, std::int64_t k0,
                          std::int64_t k1, std::int32_t sum) const {
  const Lowered& l = problem_.layer;
  const std::int64_t row = l.weight_row(g, n);
  const std::int64_t zw = weights_.zero_point(row, k0);
  const auto [input_row, input_k] = input_position(g, pixel, k0);
  const std::int64_t za = inputs_.zero_point(input_row, input_k);
  const float min = weights_.min(row, k0);
  const float scale_a = inputs_.scale(input_row, input_k);
  std::int64_t corrected = sum, sum_a = 0;
  if (zw != 0 || min != 0.0f)
    for (std::int64_t k = k0; k < k1; ++k) sum_a += code_of_input(g, pixel, k);
  if (za != 0)
    for (std::int64_t k = k0; k < k1; ++k) corrected -= za * wi_[at(row * l.extents.k + k)];
  corrected += -zw * sum_a + (k1 - k0) * zw * za;
  float value = static_cast<float>(corrected) * weights_.scale(row, k0) * scale_a;
  if (min != 0.0f) value += min * scale_a * static_cast<float>(sum_a - (k1 - k0) * za);
  return value;
}

std::int64_t LayerValues::code_of_input(std::int64_t g, std::int64_t pixel, std::int64_t k) const {
  const std::int64_t index = problem_.layer.input_index(g, pixel, k);
  return index < 0 ? inputs_.zero_point(0, 0) : xi_[at(index)];
}

/// Row and element of the input tensor whose scale stands for (g, pixel, k); padding has the
/// first's.
std::pair<std::int64_t, std::int64_t> LayerValues::input_position(std::int64_t g,
                                                                  std::int64_t pixel,
                                                                  std::int64_t k) const {
  const std::int64_t index = problem_.layer.input_index(g, pixel, k);
  return index < 0 ? std::pair<std::int64_t, std::int64_t>{0, 0}
                   : std::pair{index / inputs_.k(), index % inputs_.k()};
}

void LayerValues::finish(const Tile& tile) {
  const Lowered& l = problem_.layer;
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      const std::int64_t pixel = output_pixel(l, tile, m);
      for (std::int64_t n = tile.n0; n < tile.n1; ++n)
        finish_result(g, pixel, n, at(l.output_index(g, pixel, n)));
    }
}

}  // namespace bitjoule
