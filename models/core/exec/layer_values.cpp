#include "core/exec/layer_values.h"

#include <algorithm>
#include <cmath>

#include "core/exec/depthwise.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/mac.h"
#include "core/numeric/vectorize.h"
#include "core/recycled.h"
#include "core/resize.h"

namespace bitjoule {
namespace {

/// All codes of a tensor, rows one after the other.
std::vector<std::int16_t> all_codes(const QuantizedTensor& t) {
  auto codes = recycled<std::int16_t>(at(t.rows() * t.k()));
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    check_interrupt();
    t.codes(r, 0, t.k(), &codes[at(r * t.k())]);
  }
  return codes;
}

/// All values of a tensor in the format of the MAC: decoded, then rounded once.
std::vector<float> all_values(const QuantizedTensor& t, const MacType& mac) {
  auto values = recycled<float>(at(t.rows() * t.k()));
  t.decode(values.data());
  if (mac.name == "fp32") return values;
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    check_interrupt_after(t.k());
    float* row = &values[at(r * t.k())];
    round_to(mac.fp, row, t.k(), row);
  }
  return values;
}

/// All elements of a tensor without their scales.
std::vector<float> all_elements(const QuantizedTensor& t) {
  auto values = recycled<float>(at(t.rows() * t.k()));
  t.elements(values.data());
  return values;
}

/// Rows of n as the array takes them: of each group k x n elements as n x k.
template <class T>
std::vector<T> along_k(const Lowered& l, std::vector<T> tensor) {
  if (!l.k_rows) return tensor;
  const GemmExtents& e = l.extents;
  auto rows = recycled<T>(tensor.size());
  for (std::int64_t g = 0; g < e.groups; ++g)
    for (std::int64_t k = 0; k < e.k; ++k) {
      check_interrupt_after(e.n);
      const T* from = &tensor[at((g * e.k + k) * e.n)];
      for (std::int64_t n = 0; n < e.n; ++n) rows[at(l.weight_row(g, n) * e.k + k)] = from[n];
    }
  recycle(std::move(tensor));
  return rows;
}

/// Whether two tiles have the same inputs, or the same weights.
bool same_inputs(const Tile& a, const Tile& b) {
  return a.g0 == b.g0 && a.g1 == b.g1 && a.b0 == b.b0 && a.b1 == b.b1 && a.r0 == b.r0 &&
         a.r1 == b.r1 && a.c0 == b.c0 && a.c1 == b.c1 && a.k0 == b.k0 && a.k1 == b.k1;
}
bool same_weights(const Tile& a, const Tile& b) {
  return a.g0 == b.g0 && a.g1 == b.g1 && a.n0 == b.n0 && a.n1 == b.n1 && a.k0 == b.k0 &&
         a.k1 == b.k1;
}

template <class T>
void fill_inputs(const MappingProblem& p, const Tile& tile, const std::vector<T>& tensor,
                 const T& padding, Panel<T>& panel) {
  const Lowered& l = p.layer;
  panel.k0 = tile.k0;
  panel.k = tile.k();
  resize(panel.data, at(tile.groups() * tile.m() * tile.k()));
  T* out = panel.data.data();
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      check_interrupt_after(tile.k());
      const Lowered::Window window = l.window(output_pixel(l, tile, m));
      // One run of channels per kernel position.
      for (std::int64_t k = tile.k0; k < tile.k1;) {
        const std::int64_t run = std::min(l.channels - k % l.channels, tile.k1 - k);
        const std::int64_t from = l.input_index(g, window, k);
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
  resize(panel.data, at(tile.groups() * tile.n() * tile.k()));
  T* out = panel.data.data();
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t n = tile.n0; n < tile.n1; ++n, out += tile.k()) {
      check_interrupt_after(tile.k());
      std::copy_n(&tensor[at(l.weight_row(g, n) * l.extents.k + tile.k0)], tile.k(), out);
    }
}

/// Whether an output pixel has its own input alone.
bool is_pointwise(const Lowered& l) {
  return l.kernel_h == 1 && l.kernel_w == 1 && l.stride_h == 1 && l.stride_w == 1 &&
         l.pad_top == 0 && l.pad_left == 0 && l.out_height == l.height && l.out_width == l.width;
}

}  // namespace

std::int64_t output_pixel(const Lowered& l, const Tile& tile, std::int64_t m) {
  const std::int64_t cols = tile.c1 - tile.c0, rows = tile.r1 - tile.r0;
  const std::int64_t c = tile.c0 + m % cols, r = tile.r0 + m / cols % rows;
  return ((tile.b0 + m / cols / rows) * l.out_height + r) * l.out_width + c;
}

LayerValues::LayerValues(const MappingProblem& problem, const QuantizedTensor& inputs,
                         const QuantizedTensor& weights, SumRequantization mode)
    : problem_(problem), inputs_(inputs), weights_(weights), mode_(mode) {
  const std::size_t results = at(problem.layer.output_elements());
  if (problem.path.scales_sums()) {
    input_scales_.emplace(inputs);
    weight_scales_.emplace(weights);
  }
  if (is_integer()) {
    xi_ = all_codes(inputs);
    wi_ = along_k(problem.layer, all_codes(weights));
  } else if (problem.path.scaled_elements) {
    xf_ = all_elements(inputs);
    wf_ = along_k(problem.layer, all_elements(weights));
    exact_scales_ = scales_exactly(problem.path);
    tensor_factor_ = static_cast<float>(inputs.tensor_factor() * weights.tensor_factor());
  } else {
    const std::string& mac = problem.path.mac.name;
    const bool lie_there =
        inputs.values() != nullptr && (mac == "fp32" || mac == inputs.format().format);
    xf_ = lie_there ? Borrowed<float>::of(*inputs.values())
                    : Borrowed<float>(all_values(inputs, problem.path.mac));
    wf_ = along_k(problem.layer, all_values(weights, problem.path.mac));
  }
  // The first of k sets each accumulator.
  if (is_integer() && problem.path.scale_group == 0) acc_i_ = recycled<std::int32_t>(results);
  if (integer_output()) output_codes_ = recycled<std::int32_t>(results);
}

LayerValues::~LayerValues() {
  recycle(std::move(wi_));
  recycle(std::move(xi_));
  recycle(std::move(acc_i_));
  recycle(std::move(acc_f_));
  recycle(std::move(wf_));
  recycle(std::move(xf_).taken());
  recycle(packed_.taken());
}

/// Accumulators of floats, which their first partial sums set.
void LayerValues::make_room() {
  if (acc_i_.empty() && acc_f_.empty())
    acc_f_ = recycled<float>(at(problem_.layer.output_elements()));
}

bool LayerValues::integer_output() const {
  return problem_.path.output.layout.format->cls == FormatClass::kInteger;
}

/// The rows of the weights of a group of a tile, where they lie: those of a group are neighbours.
template <class T>
RowView<T> LayerValues::weights(const std::vector<T>& all, const Tile& tile, std::int64_t g) const {
  const Lowered& l = problem_.layer;
  return {&all[at(l.weight_row(g, tile.n0) * l.extents.k + tile.k0)], l.extents.k};
}

void LayerValues::load_panels(const Tile& tile) {
  make_room();
  load_inputs(tile);
  if (!weights_of_ || !same_weights(*weights_of_, tile)) {
    if (is_integer())
      fill_weights(problem_, tile, wi_, bi_);
    else
      fill_weights(problem_, tile, wf_, bf_);
    weights_of_ = tile;
  }
}

bool LayerValues::has_pixels_in_order(const Tile& tile) const {
  // They ascend.
  const std::int64_t last = tile.m() - 1;
  return output_pixel(problem_.layer, tile, last) == output_pixel(problem_.layer, tile, 0) + last;
}

/// Whether the results of a tile are whole rows of the output, one after the other.
bool LayerValues::yields_rows(const Tile& tile) const {
  const Lowered& l = problem_.layer;
  return tile.n() == l.output_index(0, 1, 0) - l.output_index(0, 0, 0) && has_pixels_in_order(tile);
}

/// Whether the inputs of a tile are rows of its tensor, one after the other.
bool LayerValues::lies_in_rows(const Tile& tile) const {
  return is_pointwise(problem_.layer) && has_pixels_in_order(tile);
}

/// The inputs of a group of a tile: where they lie, or as load_inputs() has gathered them.
template <class T>
RowView<T> LayerValues::inputs(const std::vector<T>& all, const Panel<T>& panel, const Tile& tile,
                               std::int64_t g) const {
  if (!lies_in_rows(tile)) return panel.rows((g - tile.g0) * tile.m());
  const Lowered& l = problem_.layer;
  return {&all[at(l.input_index(g, output_pixel(l, tile, 0), tile.k0))],
          l.channels * (l.interleaved_groups ? l.extents.groups : 1)};
}

void LayerValues::load_inputs(const Tile& tile) {
  if (!inputs_of_ || !same_inputs(*inputs_of_, tile)) {
    // Padding stands for zero: its code is the zero-point.
    if (is_integer())
      fill_inputs(problem_, tile, xi_, static_cast<std::int16_t>(input_scales_->at(0, 0).zero),
                  ai_);
    else
      fill_inputs(problem_, tile, xf_.get(), 0.0f, af_);
    inputs_of_ = tile;
  }
}

namespace {

/// Largest magnitude of a product of two codes.
std::int64_t largest_product(const DataPath& path) {
  const NativeInteger w = native_integer(path.weights.format);
  const NativeInteger a = native_integer(path.activations.format);
  return std::int64_t{std::max(std::abs(w.min_code), std::abs(w.max_code))} *
         std::max(std::abs(a.min_code), std::abs(a.max_code));
}

}  // namespace

/// True where no sum of the layer can leave int32, so that only the result matters.
bool LayerValues::sums_fit() const {
  return largest_product(problem_.path) <=
         INT32_MAX / std::max<std::int64_t>(1, problem_.layer.extents.k);
}

bool LayerValues::group_sums_fit() const {
  return largest_product(problem_.path) <= INT32_MAX / problem_.path.scale_group;
}

void LayerValues::compute_tile(const Tile& tile) {
  make_room();
  if (is_integer() && problem_.path.scale_group == 0 && is_depthwise(problem_.layer) && sums_fit())
    return add_depthwise(problem_.layer, tile, xi_, wi_,
                         static_cast<std::int16_t>(input_scales_->at(0, 0).zero), acc_i_);
  const bool grouped = problem_.path.scale_group != 0;
  const bool in_folds = is_integer() && !(grouped ? group_sums_fit() : sums_fit());
  if (in_folds || !lies_in_rows(tile)) load_inputs(tile);
  if (!is_integer() && grouped)
    compute_float_groups(tile);
  else if (!is_integer())
    compute_float(tile);
  else if (in_folds)
    for_each_fold(problem_, tile, [&](const FoldJob& job) { compute_integer_fold(tile, job); });
  else if (grouped)
    compute_groups(tile);
  else
    compute_integer(tile);
}

void LayerValues::compute_integer(const Tile& tile) {
  const Lowered& l = problem_.layer;
  const bool in_place = tile.k0 == 0 && yields_rows(tile);
  std::vector<std::int32_t> sums(in_place ? 0 : at(tile.m() * tile.n()));
  for (std::int64_t g = tile.g0; g < tile.g1; ++g) {
    std::int32_t* to =
        in_place ? &acc_i_[at(l.output_index(g, output_pixel(l, tile, 0), 0))] : sums.data();
    multiply_integers(inputs(xi_, ai_, tile, g), weights(wi_, tile, g), tile.m(), tile.n(),
                      tile.k(), to);
    if (in_place) continue;
    for (std::int64_t m = 0; m < tile.m(); ++m) {
      check_interrupt_after(tile.n());
      const std::int64_t pixel = output_pixel(problem_.layer, tile, m);
      std::int32_t* acc = &acc_i_[at(problem_.layer.output_index(g, pixel, tile.n0))];
      const std::int32_t* sum = &sums[at(m * tile.n())];
      if (tile.k0 == 0)
        std::copy_n(sum, tile.n(), acc);
      else
        for (std::int64_t n = 0; n < tile.n(); ++n) acc[n] += sum[n];
    }
  }
}

namespace {

/// Sums of one group of k with the scales of theirs, added to what there is.
BITJOULE_VECTORIZE void add_scaled(const std::int32_t* sums, const float* scales, float input_scale,
                                   bool is_first, std::int64_t n, float* results) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float term = static_cast<float>(sums[i]) * scales[i] * input_scale;
    results[i] = is_first ? term : results[i] + term;
  }
}

}  // namespace

/// Sums of one group of k at a time, which become floats with the scales of that group.
void LayerValues::compute_groups(const Tile& tile) {
  const Lowered& l = problem_.layer;
  const std::int64_t step = fold_k(problem_, tile.k());
  std::vector<std::int32_t> sums(at(tile.m() * tile.n()));
  std::vector<ScaleEntry> scales(at(tile.n()));
  std::vector<float> factors(at(tile.n()));
  std::vector<std::int64_t> weight_sums(at(tile.n()), 0);
  const bool needs_inputs = weight_scales_->has_zero() || weight_scales_->has_min();
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t k0 = tile.k0; k0 < tile.k1; k0 += step) {
      const std::int64_t k1 = std::min(k0 + step, tile.k1), k = k1 - k0;
      const std::int64_t skipped = k0 - tile.k0;
      const RowView<std::int16_t> a_rows = inputs(xi_, ai_, tile, g), b = weights(wi_, tile, g);
      multiply_integers({a_rows.first + skipped, a_rows.stride}, {b.first + skipped, b.stride},
                        tile.m(), tile.n(), k, sums.data());
      for (std::int64_t n = 0; n < tile.n(); ++n) {
        check_interrupt_after(k);
        const std::int64_t row = l.weight_row(g, tile.n0 + n);
        scales[at(n)] = weight_scales_->at(row, k0);
        factors[at(n)] = scales[at(n)].scale;
        if (input_scales_->has_zero()) weight_sums[at(n)] = weight_sum(row, k0, k1);
      }
      for (std::int64_t m = 0; m < tile.m(); ++m) {
        check_interrupt_after(k + 4 * tile.n());
        const std::int64_t pixel = output_pixel(l, tile, m);
        const ScaleEntry& a = input_scale(g, pixel, k0);
        if (!needs_inputs && !input_scales_->has_zero()) {
          add_scaled(&sums[at(m * tile.n())], factors.data(), a.scale, k0 == 0, tile.n(),
                     &acc_f_[at(l.output_index(g, pixel, tile.n0))]);
          continue;
        }
        const std::int64_t inputs = needs_inputs ? input_sum(g, pixel, k0, k1) : 0;
        const auto rest = static_cast<float>(inputs - k * a.zero);
        float* acc = &acc_f_[at(l.output_index(g, pixel, tile.n0))];
        const std::int32_t* sum = &sums[at(m * tile.n())];
        for (std::int64_t n = 0; n < tile.n(); ++n) {
          const ScaleEntry& w = scales[at(n)];
          const std::int64_t corrected =
              sum[n] - a.zero * weight_sums[at(n)] - w.zero * inputs + k * w.zero * a.zero;
          float term = static_cast<float>(corrected) * w.scale * a.scale;
          if (w.min != 0.0f) term += w.min * a.scale * rest;
          acc[n] = k0 == 0 ? term : acc[n] + term;
        }
      }
    }
}

void LayerValues::compute_integer_fold(const Tile& tile, const FoldJob& job) {
  for (std::int64_t g = job.g0; g < job.g1; ++g) {
    const RowView<std::int16_t> weight_rows = weights(wi_, tile, g);
    for (std::int64_t m = job.m0; m < job.m1; ++m) {
      const std::int16_t* a = ai_.row((g - tile.g0) * tile.m() + m) + (job.k0 - tile.k0);
      for (std::int64_t n = job.n0; n < job.n1; ++n) {
        check_interrupt_after(job.k());
        const std::int16_t* b = weight_rows.row(n - tile.n0) + (job.k0 - tile.k0);
        std::int32_t sum = 0;
        bool overflow = false;
        for (std::int64_t k = 0; k < job.k(); ++k)
          overflow |= accumulate(sum, std::int64_t{a[k]} * b[k]);
        overflows_ += overflow ? 1 : 0;
        add_result(tile, job, {g, m, n}, sum);
      }
    }
  }
}

/// A fold of k after the other, each a partial sum of its own.
void LayerValues::compute_float(const Tile& tile) {
  const Lowered& l = problem_.layer;
  const bool accumulate = tile.k0 != 0, packs = l.extents.m >= kRowsToPack;
  if (packs && packed_.empty()) packed_ = {wf_.data(), l.weight_rows(), l.extents.k};
  const bool in_place = yields_rows(tile);
  std::vector<float> sums(in_place ? 0 : at(tile.m() * tile.n()));
  for (std::int64_t g = tile.g0; g < tile.g1; ++g) {
    float* to =
        in_place ? &acc_f_[at(l.output_index(g, output_pixel(l, tile, 0), 0))] : sums.data();
    const auto each_row = [&](auto f) {
      for (std::int64_t m = 0; m < tile.m(); ++m) {
        check_interrupt_after(tile.n());
        f(&sums[at(m * tile.n())],
          &acc_f_[at(l.output_index(g, output_pixel(l, tile, m), tile.n0))]);
      }
    };
    if (accumulate && !in_place)
      each_row([&](float* sum, const float* acc) { std::copy_n(acc, tile.n(), sum); });
    const RowView<float> a = inputs(xf_.get(), af_, tile, g);
    const std::int64_t chunk = fold_k(problem_, tile.k());
    const std::int64_t rows = has_pixels_in_order(tile) ? l.lower_rows : 0;
    const LowerRows wanted{rows, output_pixel(l, tile, 0), l.extents.n - rows - tile.n0};
    if (packs)
      multiply_floats(a, packed_, l.weight_row(g, tile.n0), tile.k0, tile.m(), tile.n(), tile.k(),
                      chunk, accumulate, to, wanted);
    else
      multiply_floats(a, weights(wf_, tile, g), tile.m(), tile.n(), tile.k(), chunk, accumulate,
                      to);
    if (!in_place) each_row([&](const float* sum, float* acc) { std::copy_n(sum, tile.n(), acc); });
  }
}

namespace {

/// The same of sums of elements, whose factors are rounded once or not at all.
BITJOULE_VECTORIZE void add_scaled_floats(const float* sums, const float* scales, float input_scale,
                                          bool exact, bool is_first, std::int64_t n,
                                          float* results) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float term = scaled_sum(sums[i], bitjoule::sum_factor(scales[i], input_scale, exact));
    results[i] = is_first ? term : results[i] + term;
  }
}

}  // namespace

/// Sums of one group of k at a time, times the product of its scales.
void LayerValues::compute_float_groups(const Tile& tile) {
  const Lowered& l = problem_.layer;
  const std::int64_t step = fold_k(problem_, tile.k());
  const bool packs = l.extents.m >= kRowsToPack;
  if (packs && packed_.empty()) packed_ = {wf_.data(), l.weight_rows(), l.extents.k};
  std::vector<float> sums(at(tile.m() * tile.n())), scales(at(tile.n()));
  for (std::int64_t g = tile.g0; g < tile.g1; ++g)
    for (std::int64_t k0 = tile.k0; k0 < tile.k1; k0 += step) {
      const std::int64_t k = std::min(step, tile.k1 - k0), skipped = k0 - tile.k0;
      const RowView<float> rows = inputs(xf_.get(), af_, tile, g), b = weights(wf_, tile, g);
      const RowView<float> a = {rows.first + skipped, rows.stride};
      if (packs)
        multiply_floats(a, packed_, l.weight_row(g, tile.n0), k0, tile.m(), tile.n(), k, k, false,
                        sums.data());
      else
        multiply_floats(a, {b.first + skipped, b.stride}, tile.m(), tile.n(), k, k, false,
                        sums.data());
      for (std::int64_t n = 0; n < tile.n(); ++n)
        scales[at(n)] = weight_scales_->at(l.weight_row(g, tile.n0 + n), k0).scale;
      for (std::int64_t m = 0; m < tile.m(); ++m) {
        check_interrupt_after(4 * tile.n());
        const std::int64_t pixel = output_pixel(l, tile, m);
        const float input = input_scale(g, pixel, k0).scale;
        float* acc = &acc_f_[at(l.output_index(g, pixel, tile.n0))];
        const float* sum = &sums[at(m * tile.n())];
        add_scaled_floats(sum, scales.data(), input, exact_scales_, k0 == 0, tile.n(), acc);
      }
    }
}

void LayerValues::add_result(const Tile& tile, const FoldJob& job, const ResultPlace& place,
                             float sum) {
  const std::int64_t pixel = output_pixel(problem_.layer, tile, place.m);
  if (problem_.path.scale_group != 0) {
    const std::int64_t row = problem_.layer.weight_row(place.g, place.n);
    sum = scaled_sum(sum, sum_factor(weight_scales_->at(row, job.k0).scale,
                                     input_scale(place.g, pixel, job.k0).scale));
  }
  float& acc = acc_f_[at(problem_.layer.output_index(place.g, pixel, place.n))];
  acc = job.k0 == 0 ? sum : acc + sum;
}

void LayerValues::add_result(const Tile& tile, const FoldJob& job, const ResultPlace& place,
                             std::int32_t sum) {
  const Lowered& l = problem_.layer;
  const std::int64_t pixel = output_pixel(l, tile, place.m);
  const std::int64_t index = l.output_index(place.g, pixel, place.n);
  if (problem_.path.scale_group == 0) {
    if (job.k0 == 0)
      acc_i_[at(index)] = sum;
    else
      overflows_ += accumulate(acc_i_[at(index)], sum) ? 1 : 0;
    return;
  }
  const float term = scaled(place.g, pixel, place.n, job.k0, job.k1, sum);
  acc_f_[at(index)] = job.k0 == 0 ? term : acc_f_[at(index)] + term;
}

float LayerValues::scaled(std::int64_t g, std::int64_t pixel, std::int64_t n, std::int64_t k0,
                          std::int64_t k1, std::int32_t sum) const {
  const std::int64_t row = problem_.layer.weight_row(g, n);
  const ScaleEntry& w = weight_scales_->at(row, k0);
  const ScaleEntry& a = input_scale(g, pixel, k0);
  std::int64_t corrected = sum, inputs = 0;
  if (w.zero != 0 || w.min != 0.0f) inputs = input_sum(g, pixel, k0, k1);
  if (a.zero != 0) corrected -= a.zero * weight_sum(row, k0, k1);
  corrected += -w.zero * inputs + (k1 - k0) * w.zero * a.zero;
  float value = static_cast<float>(corrected) * w.scale * a.scale;
  if (w.min != 0.0f) value += w.min * a.scale * static_cast<float>(inputs - (k1 - k0) * a.zero);
  return value;
}

/// Of codes; padding has the zero-point's.
std::int64_t LayerValues::input_sum(std::int64_t g, std::int64_t pixel, std::int64_t k0,
                                    std::int64_t k1) const {
  const Lowered& l = problem_.layer;
  std::int64_t sum = 0;
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t run = std::min(l.channels - k % l.channels, k1 - k);
    const std::int64_t from = l.input_index(g, pixel, k);
    if (from < 0)
      sum += run * input_scales_->at(0, 0).zero;
    else
      for (std::int64_t i = 0; i < run; ++i) sum += xi_[at(from + i)];
    k += run;
  }
  return sum;
}

std::int64_t LayerValues::weight_sum(std::int64_t row, std::int64_t k0, std::int64_t k1) const {
  const std::int16_t* codes = &wi_[at(row * problem_.layer.extents.k)];
  std::int64_t sum = 0;
  for (std::int64_t k = k0; k < k1; ++k) sum += codes[k];
  return sum;
}

/// Of the group that holds (g, pixel, k); padding has the first's.
const ScaleEntry& LayerValues::input_scale(std::int64_t g, std::int64_t pixel,
                                           std::int64_t k) const {
  if (input_scales_->is_one()) return input_scales_->at(0, 0);
  if (is_pointwise(problem_.layer) && inputs_.k() == problem_.layer.channels)
    return input_scales_->at(g * problem_.layer.extents.m + pixel, k);
  const std::int64_t index = problem_.layer.input_index(g, pixel, k);
  return index < 0 ? input_scales_->at(0, 0)
                   : input_scales_->at(index / inputs_.k(), index % inputs_.k());
}

}  // namespace bitjoule
