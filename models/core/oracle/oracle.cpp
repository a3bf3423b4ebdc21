#include "core/oracle/oracle.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "core/interrupt.h"
#include "core/oracle/side_by_side.h"
#include "core/resize.h"

namespace bitjoule {
namespace {

/// Windows that stay in the second-level cache while the weights pass by, in elements; and how many
/// there are at least, so that panels of weights are used more than once.
constexpr std::int64_t kWindowElements = 1 << 16;
constexpr std::int64_t kLeastWindows = 16;
/// What a panel must serve to be worth its arrangement: rows of weights, and results.
constexpr std::size_t kPanelRows = 4, kPanelResults = 16;

std::size_t at_index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Other layers are one product.
Matmul as_product(const LayerOp& op) {
  if (const auto* g = std::get_if<Gemm>(&op)) return {1, g->m, g->n, g->k, 1};
  return std::get<Matmul>(op);
}

std::int64_t count_outputs(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return c->batch * c->out_height() * c->out_width() * c->filters;
  const Matmul p = as_product(op);
  return p.batch * p.m * p.n;
}

std::int64_t largest_code(const TensorFormat& format) {
  const NativeInteger codes = native_integer(format);
  return std::max<std::int64_t>({1, codes.max_code, -std::int64_t{codes.min_code}});
}

std::vector<float> decoded(const QuantizedTensor& t, const MacType& mac) {
  auto values = sized<float>(at_index(t.rows() * t.k()));
  t.decode(values.data());
  if (mac.name == "fp32") return values;
  for (float& v : values) {
    check_interrupt_after(16);
    v = decode_float(mac.fp, encode_float(mac.fp, v));
  }
  return values;
}

/// What is stored of elements, their scales left out.
std::vector<float> bare_elements(const QuantizedTensor& t) {
  auto values = sized<float>(at_index(t.rows() * t.k()));
  t.elements(values.data());
  return values;
}

std::vector<std::int16_t> coded(const QuantizedTensor& t) {
  auto codes = sized<std::int16_t>(at_index(t.rows() * t.k()));
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    check_interrupt_after(t.k());
    t.codes(r, 0, t.k(), &codes[at_index(r * t.k())]);
  }
  return codes;
}

}  // namespace

Oracle::Oracle(const LayerOp& op, const MacType& mac, const QuantizedTensor& inputs,
               const QuantizedTensor& weights, const std::vector<float>& float_inputs,
               const std::vector<float>& float_weights, std::vector<std::int64_t> chunks,
               bool grouped, bool scaled_elements)
    : op_(op),
      mac_(mac),
      inputs_(inputs),
      weights_(weights),
      float_inputs_(float_inputs),
      float_weights_(float_weights),
      chunks_(std::move(chunks)),
      grouped_(grouped),
      scaled_elements_(scaled_elements),
      outputs_(count_outputs(op)),
      weight_rows_(weights.rows()),
      depth_(weights.k()) {
  if (const auto* p = std::get_if<Matmul>(&op); p != nullptr && p->k_rows) {
    weight_rows_ = weights.rows() / p->k * p->n;
    depth_ = p->k;
    turned_weights_ = by_column(float_weights);
  }
  const StorageLayout& layout = inputs.layout();
  const bool whole_inputs = !layout.scales.present() || layout.scales.group == kWholeTensor;
  const bool is_conv = std::holds_alternative<Conv2d>(op);
  // Exact sums under the same scales need no parts.
  if (mac.is_integer && !grouped && (whole_inputs || !is_conv) &&
      native_group(inputs.format()) == 0 && native_group(weights.format()) == 0)
    chunks_ = {depth_};
  if (mac.is_integer) {
    input_codes_ = coded(inputs);
    weight_codes_ = by_column(coded(weights));
    safe_products_ = std::max<std::int64_t>(
        1, INT32_MAX / (largest_code(inputs.format()) * largest_code(weights.format())));
  } else if (scaled_elements) {
    input_values_ = bare_elements(inputs);
    weight_values_ = by_column(bare_elements(weights));
  } else {
    input_values_ = decoded(inputs, mac);
    weight_values_ = by_column(decoded(weights, mac));
  }
  is_finite_ = std::all_of(float_weights.begin(), float_weights.end(),
                           [](float w) { return std::isfinite(w); });
}

/// A second operand of k rows of n: its columns, one after the other.
template <class T>
std::vector<T> Oracle::by_column(std::vector<T> values) const {
  const auto* p = std::get_if<Matmul>(&op_);
  if (p == nullptr || !p->k_rows) return values;
  std::vector<T> columns;
  columns.reserve(values.size());
  for (std::size_t matrix = 0; matrix < values.size(); matrix += at_index(p->k * p->n))
    for (std::int64_t column = 0; column < p->n; ++column) {
      check_interrupt_after(p->k);
      for (std::int64_t row = 0; row < p->k; ++row)
        columns.push_back(values[matrix + at_index(row * p->n + column)]);
    }
  return columns;
}

Oracle::Place Oracle::place(std::int64_t index) const {
  if (const auto* c = std::get_if<Conv2d>(&op_)) {
    const std::int64_t f = index % c->filters, pixel = index / c->filters;
    return {pixel * c->groups + f / (c->filters / c->groups), f};
  }
  const Matmul p = as_product(op_);
  const std::int64_t row = index / p.n;
  return {row, row / p.m / p.shared * p.n + index % p.n};
}

std::vector<Oracle::Run> Oracle::runs(std::int64_t window) const {
  const auto* c = std::get_if<Conv2d>(&op_);
  if (c == nullptr) return {{window, 0, inputs_.k()}};
  const std::int64_t group = window % c->groups, pixel = window / c->groups;
  const std::int64_t ow = pixel % c->out_width();
  const std::int64_t oh = pixel / c->out_width() % c->out_height();
  const std::int64_t b = pixel / c->out_width() / c->out_height();
  const std::int64_t depth = c->channels / c->groups;
  std::vector<Run> out;
  for (std::int64_t kh = 0; kh < c->kernel_h; ++kh)
    for (std::int64_t kw = 0; kw < c->kernel_w; ++kw) {
      const std::int64_t h = oh * c->stride_h + kh * c->dilation_h - c->pad_top;
      const std::int64_t w = ow * c->stride_w + kw * c->dilation_w - c->pad_left;
      const bool inside = h >= 0 && h < c->height && w >= 0 && w < c->width;
      // A row of the inputs is a pixel.
      out.push_back({inside ? (b * c->height + h) * c->width + w : -1, group * depth, depth});
    }
  return out;
}

/// Consecutive results and the windows of inputs that they need, each a dense row of k elements.
struct Oracle::Windows {
  std::vector<Place> places;  ///< of the results; windows are counted in here
  std::int64_t count = 0, last = -1;
  std::vector<double> reference;    ///< before quantization; 0 in the padding
  std::vector<float> values;        ///< of float MACs; 0 in the padding
  std::vector<std::int16_t> codes;  ///< of integer MACs; the chunk's zero-point in the padding
  std::vector<Chunk> chunks;        ///< of those, one after the other
};

void Oracle::gather(std::int64_t window, Windows& to) const {
  check_interrupt_after(4 * depth_);
  to.last = window;
  ++to.count;
  std::int64_t done = 0, zero = 0;
  std::size_t next = 0;  // chunk to begin
  for (Run run : runs(window)) {
    const std::int64_t from = run.input_row * inputs_.k() + run.input_k;
    const bool inside = run.input_row >= 0;
    const auto append = [&](const auto& tensor, auto& rows, auto padding) {
      if (inside)
        rows.insert(rows.end(), &tensor[at_index(from)], &tensor[at_index(from)] + run.length);
      else
        rows.resize(rows.size() + at_index(run.length), padding);
    };
    append(float_inputs_, to.reference, 0.0);
    if (!mac_.is_integer) {
      append(input_values_, to.values, 0.0f);
      continue;
    }
    // Up to the next chunk's end, or the run's.
    for (std::int64_t i = 0; i < run.length;) {
      if (next == 0 || done == chunks_[next - 1]) {
        // Scales are those of the chunk's first element; padding has the first's.
        const std::int64_t row = inside ? run.input_row : 0, k = inside ? run.input_k + i : 0;
        zero = inputs_.zero_point(row, k);
        to.chunks.push_back({inputs_.scale(row, k), 0, zero, 0});
        ++next;
      }
      const std::int64_t length = std::min(run.length - i, chunks_[next - 1] - done);
      if (inside)
        to.codes.insert(to.codes.end(), &input_codes_[at_index(from + i)],
                        &input_codes_[at_index(from + i)] + length);
      else
        to.codes.resize(to.codes.size() + at_index(length), static_cast<std::int16_t>(zero));
      to.chunks.back().codes +=
          std::accumulate(to.codes.end() - length, to.codes.end(), std::int64_t{0});
      i += length;
      done += length;
    }
  }
}

std::vector<Oracle::Chunk> Oracle::weight_chunks(std::int64_t row) const {
  std::vector<Chunk> chunks;
  std::int64_t begin = 0;
  check_interrupt_after(depth_);
  for (std::int64_t end : chunks_) {
    const auto codes = weight_codes_.begin() + row * depth_;
    chunks.push_back({weights_.scale(row, begin), weights_.min(row, begin),
                      weights_.zero_point(row, begin),
                      std::accumulate(codes + begin, codes + end, std::int64_t{0})});
    begin = end;
  }
  return chunks;
}

/// As many results as share a number of windows that the cache holds; returns the end of them.
std::size_t Oracle::gather_block(const std::vector<std::int64_t>& indices, std::size_t begin,
                                 Windows& to) const {
  const std::int64_t most = std::max(kLeastWindows, kWindowElements / depth_);
  for (; begin < indices.size(); ++begin) {
    const Place p = place(indices[begin]);
    if (p.window != to.last) {
      if (to.count == most) break;
      gather(p.window, to);
    }
    to.places.push_back({to.count - 1, p.weight_row, p.window});
  }
  return begin;
}

/// Calls take(result, first part, elements from a part to the next) with the sums of x * weights of
/// all results. Results of the same rows of weights in several windows are computed side by side
/// from a panel, the others in pairs.
template <class T, class Take>
void Oracle::sum(const Windows& windows, const std::vector<T>& x, const std::vector<float>& weights,
                 const std::vector<std::int64_t>& ends, Take take) const {
  struct Job {
    std::int64_t window;
    std::size_t result;  ///< the first of up to kSumLanes
  };
  const std::int64_t k = depth_;
  const std::vector<Place>& places = windows.places;
  std::map<std::vector<std::int64_t>, std::vector<Job>> by_rows;
  for (std::size_t i = 0, end = 0; i < places.size(); i = end) {
    std::vector<std::int64_t> rows;
    for (; end < places.size() && end < i + kSumLanes && places[end].window == places[i].window;
         ++end)
      rows.push_back(places[end].weight_row);
    by_rows[rows].push_back({places[i].window, i});
  }
  std::vector<T> panel, sums(ends.size() * kSumRows * kSumLanes);
  std::vector<std::size_t> single;
  for (const auto& [rows, jobs] : by_rows) {
    if (rows.size() < kPanelRows || rows.size() * jobs.size() < kPanelResults) {
      for (const Job& job : jobs)
        for (std::size_t lane = 0; lane < rows.size(); ++lane) single.push_back(job.result + lane);
      continue;
    }
    std::array<const float*, kSumLanes> lanes;  // the last row's again where there are fewer
    for (std::size_t lane = 0; lane < kSumLanes; ++lane)
      lanes[lane] = &weights[at_index(rows[std::min(lane, rows.size() - 1)] * k)];
    fill_panel(lanes, k, panel);
    for (std::size_t j = 0, end = 0; j < jobs.size(); j = end) {
      const std::int64_t first = jobs[j].window;
      while (end < jobs.size() && end < j + kSumRows &&
             jobs[end].window == first + static_cast<std::int64_t>(end - j))
        ++end;
      check_interrupt();
      side_by_side(&x[at_index(first * k)], k, static_cast<std::int64_t>(end - j), panel.data(),
                   ends, sums.data());
      for (std::size_t r = 0; r < end - j; ++r)
        for (std::size_t lane = 0; lane < rows.size(); ++lane)
          take(jobs[j + r].result + lane, &sums[r * kSumLanes + lane], (end - j) * kSumLanes);
    }
  }
  for (std::size_t i = 0; i < single.size(); i += kSumLanes) {
    check_interrupt();
    const std::size_t count = std::min<std::size_t>(kSumLanes, single.size() - i);
    std::array<const T*, kSumLanes> inputs;
    std::array<const float*, kSumLanes> lanes;
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) {
      const Place& p = places[single[i + std::min(lane, count - 1)]];
      inputs[lane] = &x[at_index(p.window * k)];
      lanes[lane] = &weights[at_index(p.weight_row * k)];
    }
    sum_pairs(inputs, lanes, ends, sums.data());
    for (std::size_t lane = 0; lane < count; ++lane) take(single[i + lane], &sums[lane], kSumLanes);
  }
}

/// X(A) X(B) of the group that holds element k, of either operand: exact where scales are E8M0 or
/// E4M3, else a product of floats.
double Oracle::elements_factor(std::int64_t window, std::int64_t weight_row, std::int64_t k) const {
  std::int64_t begin = 0, input_row = 0, input_k = 0;
  for (const Run& run : runs(window)) {
    if (k < begin + run.length) {
      if (run.input_row >= 0) input_row = run.input_row, input_k = run.input_k + (k - begin);
      break;
    }
    begin += run.length;
  }
  const bool turned = weight_rows_ != weights_.rows();  // those have one scale for all
  const double x = inputs_.group_scale(input_row, input_k);
  const double w = turned ? weights_.group_scale(0, 0) : weights_.group_scale(weight_row, k);
  const auto is_narrow = [](const QuantizedTensor& t) {
    const ScaleFormat scales = t.layout().scale_format;
    return !t.layout().scales.present() || scales == ScaleFormat::kE8m0 ||
           scales == ScaleFormat::kTwoLevel;
  };
  const double product = x * w;
  return is_narrow(inputs_) && is_narrow(weights_) ? product : static_cast<float>(product);
}

/// A sum of each chunk, then of the chunks.
void Oracle::set_floats(const Windows& windows, OracleResult* results) const {
  const auto beside = static_cast<float>(inputs_.tensor_factor() * weights_.tensor_factor());
  sum(windows, windows.values, weight_values_, chunks_,
      [&](std::size_t result, const float* part, std::size_t stride) {
        const Place& p = windows.places[result];
        float total = 0;
        std::int64_t begin = 0;
        for (std::size_t c = 0; c < chunks_.size(); ++c) {
          float term = part[c * stride];
          if (scaled_elements_ && grouped_)
            term = static_cast<float>(term * elements_factor(p.input_window, p.weight_row, begin));
          total = c == 0 ? term : total + term;
          begin = chunks_[c];
        }
        if (scaled_elements_ && !grouped_)
          total = static_cast<float>(total * elements_factor(p.input_window, p.weight_row, 0));
        results[result].value = scaled_elements_ ? total * beside : total;
      });
}

void Oracle::set_integers(const Windows& windows, OracleResult* results,
                          std::vector<std::vector<Chunk>>& weights) const {
  for (const Place& p : windows.places) {
    check_interrupt();
    std::vector<Chunk>& row = weights[at_index(p.weight_row)];
    if (row.empty()) row = weight_chunks(p.weight_row);
    set_integers(&windows.codes[at_index(p.window * depth_)],
                 &windows.chunks[at_index(p.window) * chunks_.size()], p.weight_row, row,
                 *results++);
  }
}

std::vector<OracleResult> Oracle::at(const std::vector<std::int64_t>& indices,
                                     const Progress& progress) const {
  auto results = sized<OracleResult>(indices.size());
  std::vector<std::vector<Chunk>> weights(at_index(weight_rows_));
  const std::vector<std::int64_t> whole = {depth_};
  for (std::size_t begin = 0; begin < indices.size();) {
    Windows windows;
    const std::size_t end = gather_block(indices, begin, windows);
    OracleResult* block = &results[begin];
    if (is_finite_)
      sum(windows, windows.reference, real_weights(), whole,
          [&](std::size_t result, const double* total, std::size_t) {
            block[result].reference = *total;
          });
    if (mac_.is_integer)
      set_integers(windows, block, weights);
    else
      set_floats(windows, block);
    for (; begin < end; ++begin) {
      const Place p = place(indices[begin]);
      if (!is_finite_) results[begin].reference = reference_inside(p.window, p.weight_row);
      apply_stage(p.weight_row, results[begin]);
    }
    if (progress) progress(static_cast<std::int64_t>(end));
  }
  return results;
}

/// Where weights are infinite, terms in the padding must be left out, not be 0 times infinity.
double Oracle::reference_inside(std::int64_t window, std::int64_t weight_row) const {
  double sum = 0;
  const float* w = &real_weights()[at_index(weight_row * depth_)];
  for (const Run& run : runs(window)) {
    if (run.input_row >= 0) {
      const float* x = &float_inputs_[at_index(run.input_row * inputs_.k() + run.input_k)];
      for (std::int64_t i = 0; i < run.length; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(w[i]);
    }
    w += run.length;
  }
  return sum;
}

/// With qa, qw the codes and za, zw the zero-points of a chunk of n elements:
/// sum (qa - za)(qw - zw) = sum qa qw - zw sum qa - za sum qw + n za zw.
void Oracle::set_integers(const std::int16_t* codes, const Chunk* inputs, std::int64_t weight_row,
                          const std::vector<Chunk>& weights, OracleResult& result) const {
  const std::int16_t* weight_codes = &weight_codes_[at_index(weight_row * depth_)];
  std::int64_t begin = 0;
  float total = 0;
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const Chunk &a = inputs[c], &w = weights[c];
    const std::int64_t n = chunks_[c] - begin;
    const std::int64_t sum = sum_products(codes + begin, weight_codes + begin, n, safe_products_) -
                             w.zero * a.codes - a.zero * w.codes + n * a.zero * w.zero;
    result.sum += sum;
    result.real_scale = static_cast<double>(a.scale) * static_cast<double>(w.scale);
    if (grouped_) {
      float term = static_cast<float>(sum) * w.scale * a.scale;
      if (w.min != 0.0f) term = term + w.min * a.scale * static_cast<float>(a.codes - n * a.zero);
      total = c == 0 ? term : total + term;
    }
    begin = chunks_[c];
  }
  result.overflow = result.sum > INT32_MAX || result.sum < INT32_MIN;
  result.value =
      grouped_ ? total : static_cast<float>(result.sum) * weights.front().scale * inputs[0].scale;
}

}  // namespace bitjoule
