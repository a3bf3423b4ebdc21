#include "core/exec/attention_values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/exec/kernels.h"
#include "core/exec/layer_values.h"
#include "core/exec/scale_table.h"
#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/exponential.h"

namespace bitjoule {
namespace {

constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();

/// All scores, as the array leaves them and the vector unit makes floats of them.
std::vector<float> all_scores(const AttentionProblem& p, const AttentionOperands& o,
                              std::int64_t& overflows) {
  MappingProblem scores = p.scores;
  scores.stage = {};
  scores.path.output = {};
  scores.path.output.format.format = "fp32";
  scores.path.output.layout = storage_layout(scores.path.output.format);
  LayerValues values(scores, o.queries, o.keys, {});
  const GemmExtents& e = scores.layer.extents;
  for (std::int64_t g = 0; g < e.groups; ++g) {
    const Tile tile{g, g + 1, 0, 1, 0, 1, 0, e.m, 0, e.n, 0, e.k};
    values.compute_tile(tile);
    values.finish(tile);
  }
  values.finalize();
  overflows += values.overflows();
  std::vector<std::int32_t> codes;
  std::vector<float> result;
  values.take_outputs(result, codes);
  if (p.op.softcap) {
    VectorOperands operand;
    operand.inputs = {std::move(result)};
    result = vector_values(*p.op.softcap, operand).values;
  }
  return result;
}

/// Running maximum and sum of a row.
struct RunningRow {
  float max = kNothingSeen, sum = 0;
};

/// Probabilities of one tile of keys, and what multiplies the sums of the tiles ahead.
class OnlineSoftmax {
 public:
  OnlineSoftmax(const AttentionProblem& p, const std::vector<float>& sinks)
      : op_(p.op), sinks_(sinks), alpha_(static_cast<float>(vector_alpha(p.op.softmax))) {}

  RunningRow begin(std::int64_t head) const {
    if (sinks_.empty()) return {};
    return {sinks_[at(head % op_.softmax.heads)] / alpha_, 1.0f};
  }

  /// Of the scores of keys first..end of a query; returns the factor.
  float add(const float* scores, std::int64_t head, std::int64_t query, KeyRange keys,
            RunningRow& row, float* probabilities) const {
    const KeyRange seen = visible_keys(op_, query, query + 1);
    const std::int64_t first = std::max(keys.first, seen.first);
    const std::int64_t end = std::min(keys.end, seen.end);
    std::fill_n(probabilities, keys.count(), 0.0f);
    if (first >= end) return 1.0f;
    float* y = probabilities - keys.first;
    // ALiBi is no product of query and key: it is not scaled.
    const float slope = op_.softmax.alibi > 0
                            ? rounded(alibi_slope(op_.softmax, head % op_.softmax.heads) /
                                      vector_alpha(op_.softmax))
                            : 0.0f;
    float max = row.max;
    for (std::int64_t i = first; i < end; ++i) {
      y[i] = scores[i];
      if (slope != 0) y[i] += slope * static_cast<float>(i - seen.end + 1);
      max = std::max(max, y[i]);
    }
    float sum = 0;
    for (std::int64_t i = first; i < end; ++i) y[i] = alpha_ * (y[i] - max);
    exponentiate(y + first, end - first);
    for (std::int64_t i = first; i < end; ++i) sum += y[i];
    float factor = alpha_ * (row.max - max);
    exponentiate(&factor, 1);
    row.sum = row.sum * factor + sum;
    row.max = max;
    return factor;
  }

 private:
  const Attention& op_;
  const std::vector<float>& sinks_;
  float alpha_;
};

/// Values as the array takes them, [group][value_dim] rows of keys, and their products with
/// probabilities.
class ContextSums {
 public:
  ContextSums(const AttentionProblem& p, const QuantizedTensor& values)
      : p_(p.context), keys_(p.op.keys()), dim_(p.op.value_dim()) {
    const std::int64_t rows = values.rows();
    if (p_.path.mac.is_integer) {
      scales_.emplace(values);
      std::vector<std::int16_t> codes(at(rows * dim_));
      for (std::int64_t r = 0; r < rows; ++r) values.codes(r, 0, dim_, &codes[at(r * dim_)]);
      codes_ = turned(codes);
    } else {
      std::vector<float> floats(at(rows * dim_));
      values.decode(floats.data());
      if (p_.path.mac.name != "fp32")
        round_to(p_.path.mac.fp, floats.data(), rows * dim_, floats.data());
      floats_ = turned(floats);
    }
    const Format& stored = *p_.path.activations.layout.format;
    if (stored.cls == FormatClass::kInteger)
      largest_code_ = static_cast<float>(stored.max_code);
    else
      stored_ = find_mac_type(stored.name).fp;
  }

  /// sums[rows x value_dim] of one tile of keys of a group; the first takes the place of what is
  /// there.
  void add(const std::vector<float>& probabilities, std::int64_t group, std::int64_t rows,
           KeyRange keys, bool is_first, float* sums) const {
    if (p_.path.mac.is_integer)
      add_integers(probabilities, group, rows, keys, is_first, sums);
    else
      add_floats(probabilities, group, rows, keys, is_first, sums);
  }

 private:
  template <class T>
  std::vector<T> turned(const std::vector<T>& rows) const {
    std::vector<T> result(rows.size());
    const std::int64_t groups = static_cast<std::int64_t>(rows.size()) / (keys_ * dim_);
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t k = 0; k < keys_; ++k) {
        check_interrupt_after(dim_);
        for (std::int64_t n = 0; n < dim_; ++n)
          result[at((g * dim_ + n) * keys_ + k)] = rows[at((g * keys_ + k) * dim_ + n)];
      }
    return result;
  }

  float code(float probability) const { return std::nearbyint(probability * largest_code_); }

  void add_floats(std::vector<float> p, std::int64_t group, std::int64_t rows, KeyRange keys,
                  bool is_first, float* sums) const {
    const auto n = static_cast<std::int64_t>(p.size());
    if (largest_code_ > 0)
      for (float& x : p) x = code(x) * (1.0f / largest_code_);
    else
      round_to(stored_, p.data(), n, p.data());
    if (p_.path.mac.name != "fp32") round_to(p_.path.mac.fp, p.data(), n, p.data());
    const RowView<float> values{&floats_[at(group * dim_ * keys_ + keys.first)], keys_};
    multiply_floats({p.data(), keys.count()}, values, rows, dim_, keys.count(),
                    fold_k(p_, keys.count()), !is_first, sums);
  }

  void add_integers(const std::vector<float>& p, std::int64_t group, std::int64_t rows,
                    KeyRange keys, bool is_first, float* sums) const {
    std::vector<std::int16_t> codes(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) codes[i] = static_cast<std::int16_t>(code(p[i]));
    const std::int64_t step = fold_k(p_, keys.count());
    const ScaleEntry& w = scales_->at(0, 0);
    std::vector<std::int32_t> products(at(rows * dim_));
    for (std::int64_t k = 0; k < keys.count(); k += step) {
      const std::int64_t count = std::min(step, keys.count() - k);
      multiply_integers({codes.data() + k, keys.count()},
                        {&codes_[at(group * dim_ * keys_ + keys.first + k)], keys_}, rows, dim_,
                        count, products.data());
      for (std::int64_t m = 0; m < rows; ++m) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < count; ++i) sum += codes[at(m * keys.count() + k + i)];
        for (std::int64_t n = 0; n < dim_; ++n) {
          const std::int64_t corrected = products[at(m * dim_ + n)] - w.zero * sum;
          const float term = static_cast<float>(corrected) * w.scale * (1.0f / largest_code_);
          float& acc = sums[at(m * dim_ + n)];
          acc = is_first && k == 0 ? term : acc + term;
        }
      }
    }
  }

  const MappingProblem& p_;
  std::int64_t keys_, dim_;
  std::vector<float> floats_;
  std::vector<std::int16_t> codes_;
  std::optional<ScaleTable> scales_;
  float largest_code_ = 0;    ///< of integer probabilities; else 0
  FloatSpec stored_ = kFp32;  ///< of the others
};

}  // namespace

AttentionResults attention_values(const AttentionProblem& p, const AttentionTiling& tiling,
                                  const AttentionOperands& operands) {
  const Attention& op = p.op;
  AttentionResults results;
  const std::vector<float> scores = all_scores(p, operands, results.overflows);
  results.values.resize(at(op.scores.batch * op.queries() * op.value_dim()));
  const OnlineSoftmax softmax(p, operands.sinks);
  const ContextSums context(p, operands.values);
  const std::vector<QueryTile> tiles = query_tiles(op, tiling);
  const std::int64_t dim = op.value_dim();
  std::vector<float> probabilities, sums;
  for (std::int64_t g = 0; g < op.groups(); ++g)
    for (const QueryTile& tile : tiles) {
      // Rows of a tile: the queries of one head after the other.
      const std::int64_t queries = tile.q1 - tile.q0;
      const auto head = [&](std::int64_t row) { return g * op.shared() + tile.h0 + row / queries; };
      const auto query = [&](std::int64_t row) { return tile.q0 + row % queries; };
      std::vector<RunningRow> running;
      for (std::int64_t row = 0; row < tile.rows(); ++row)
        running.push_back(softmax.begin(head(row)));
      sums.assign(at(tile.rows() * dim), 0.0f);
      for (KeyRange keys{tile.keys.first, 0}; keys.first < tile.keys.end; keys.first = keys.end) {
        check_interrupt();
        keys.end = std::min(keys.first + tiling.keys, tile.keys.end);
        const bool is_first = keys.first == tile.keys.first;
        probabilities.resize(at(tile.rows() * keys.count()));
        for (std::int64_t row = 0; row < tile.rows(); ++row) {
          const float* x = &scores[at((head(row) * op.queries() + query(row)) * op.keys())];
          const float factor = softmax.add(x, head(row), query(row), keys, running[at(row)],
                                           &probabilities[at(row * keys.count())]);
          for (std::int64_t n = 0; n < dim && !is_first; ++n) sums[at(row * dim + n)] *= factor;
        }
        context.add(probabilities, g, tile.rows(), keys, is_first, sums.data());
      }
      for (std::int64_t row = 0; row < tile.rows(); ++row) {
        const float inverse = 1.0f / running[at(row)].sum;
        float* y = &results.values[at((head(row) * op.queries() + query(row)) * dim)];
        for (std::int64_t n = 0; n < dim; ++n) y[n] = sums[at(row * dim + n)] * inverse;
      }
    }
  return results;
}

}  // namespace bitjoule
