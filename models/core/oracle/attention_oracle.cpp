#include "core/oracle/attention_oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/interrupt.h"
#include "core/numeric/exponential.h"
#include "core/numeric/format.h"

namespace bitjoule {
namespace {

/// A number of a row as a float MAC takes it.
float operand(const QuantizedTensor& tensor, std::int64_t row, std::int64_t i, const MacType& mac) {
  float value = 0;
  tensor.decode_rows(row, row + 1, i, i + 1, &value);
  return round_to(mac.fp, value);
}

std::int64_t code(const QuantizedTensor& tensor, std::int64_t row, std::int64_t i) {
  std::int16_t integer = 0;
  tensor.codes(row, i, i + 1, &integer);
  return integer;
}

float exponential(float x) { return static_cast<float>(std::exp(static_cast<double>(x))); }

/// First and last + 1 of the keys that queries q0..q1 see.
struct Seen {
  std::int64_t first, end;
};
Seen seen(const Attention& op, std::int64_t q0, std::int64_t q1) {
  Seen s{0, op.scores.n};
  if (op.softmax.causal > 0) s.end = op.scores.n - (op.scores.m - q1);
  const std::int64_t oldest = op.softmax.causal > 0 ? op.scores.n - (op.scores.m - 1 - q0) : s.end;
  if (op.softmax.reach > 0 && oldest > op.softmax.reach) s.first = oldest - op.softmax.reach;
  return s;
}

/// ALiBi by its paper: of heads that are no power of two, those of the next smaller one, then
/// every other of twice as many.
double slope_of_head(const VectorOp& softmax, std::int64_t head) {
  double power = std::exp2(std::floor(std::log2(static_cast<double>(softmax.heads))));
  auto number = static_cast<double>(head) + 1;
  if (number > power) {
    number = 2 * (number - power) - 1;
    power *= 2;
  }
  return std::pow(2.0, -softmax.alibi * number / power);
}

double capped(const std::optional<VectorOp>& cap, double score) {
  return cap ? vector_beta(*cap) * std::tanh(vector_alpha(*cap) * score) : score;
}

}  // namespace

float AttentionOracle::score(std::int64_t head, std::int64_t query, std::int64_t key) const {
  const std::int64_t q = head * op.scores.m + query;
  const std::int64_t k = head / op.scores.shared * op.scores.n + key;
  float total = 0;
  std::int64_t integers = 0;
  for (std::int64_t begin = 0; begin < op.scores.k; begin += order.scores_k) {
    const std::int64_t end = std::min(begin + order.scores_k, op.scores.k);
    if (!scores_mac.is_integer) {
      float part = 0;
      for (std::int64_t i = begin; i < end; ++i)
        part = mac_float(part, operand(queries, q, i, scores_mac), operand(keys, k, i, scores_mac));
      total = begin == 0 ? part : total + part;
      continue;
    }
    std::int64_t part = 0, sum = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t x = code(queries, q, i) - queries.zero_point(q, i);
      part += x * (code(keys, k, i) - keys.zero_point(k, i));
      sum += x;
    }
    integers += part;
    if (!order.grouped_scores) continue;
    float term = static_cast<float>(part) * keys.scale(k, begin) * queries.scale(q, begin);
    if (keys.min(k, begin) != 0)
      term += keys.min(k, begin) * queries.scale(q, begin) * static_cast<float>(sum);
    total = begin == 0 ? term : total + term;
  }
  if (scores_mac.is_integer && !order.grouped_scores)
    total = static_cast<float>(integers) * keys.scale(k, 0) * queries.scale(q, 0);
  if (!op.softcap) return total;
  const auto inside = static_cast<float>(vector_alpha(*op.softcap)) * total;
  return static_cast<float>(vector_beta(*op.softcap)) *
         static_cast<float>(std::tanh(static_cast<double>(inside)));
}

/// Of keys begin..end; minus infinity where the query does not see them.
std::vector<float> AttentionOracle::tile_scores(std::int64_t head, std::int64_t query,
                                                std::int64_t begin, std::int64_t end) const {
  const Seen own = seen(op, query, query + 1);
  float slope = 0;
  if (op.softmax.alibi > 0)
    slope = static_cast<float>(slope_of_head(op.softmax, head % op.softmax.heads) /
                               vector_alpha(op.softmax));
  std::vector<float> scores(static_cast<std::size_t>(end - begin),
                            -std::numeric_limits<float>::infinity());
  for (std::int64_t key = std::max(begin, own.first); key < std::min(end, own.end); ++key) {
    float& s = scores[static_cast<std::size_t>(key - begin)];
    s = score(head, query, key);
    if (op.softmax.alibi > 0) s += slope * static_cast<float>(key - own.end + 1);
  }
  return scores;
}

/// What `count` keys add to number n, from row `row` of the values on.
float AttentionOracle::context(const float* p, std::int64_t row, std::int64_t count,
                               std::int64_t n) const {
  const Format& stored = find_format(probabilities.format);
  const bool codes = stored.cls == FormatClass::kInteger;
  const auto largest = static_cast<float>(stored.max_code);
  float term = 0;
  std::int64_t integers = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (context_mac.is_integer) {
      integers += static_cast<std::int64_t>(std::nearbyint(p[i] * largest)) *
                  (code(values, row + i, n) - values.zero_point(row + i, n));
      continue;
    }
    const float a = codes ? std::nearbyint(p[i] * largest) * (1.0f / largest)
                          : round_to(find_mac_type(stored.name).fp, p[i]);
    term = mac_float(term, round_to(context_mac.fp, a), operand(values, row + i, n, context_mac));
  }
  return context_mac.is_integer
             ? static_cast<float>(integers) * values.scale(0, 0) * (1.0f / largest)
             : term;
}

std::vector<float> AttentionOracle::at(std::int64_t head, std::int64_t query) const {
  const std::int64_t dim = op.context.n, first_row = head / op.scores.shared * op.scores.n;
  const std::int64_t q0 = query / order.queries * order.queries;
  const Seen tile = seen(op, q0, std::min(q0 + order.queries, op.scores.m));
  const auto alpha = static_cast<float>(vector_alpha(op.softmax));
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
  if (!sinks.empty()) {
    max = sinks[static_cast<std::size_t>(head % op.softmax.heads)] / alpha;
    sum = 1;
  }
  std::vector<float> y(static_cast<std::size_t>(dim), 0.0f);
  for (std::int64_t begin = tile.first; begin < tile.end; begin += order.keys) {
    check_interrupt_after(order.keys * (op.scores.k + dim));
    const std::int64_t end = std::min(begin + order.keys, tile.end);
    std::vector<float> p = tile_scores(head, query, begin, end);
    const float largest = std::max(max, *std::max_element(p.begin(), p.end()));
    const bool any = std::any_of(p.begin(), p.end(), [](float s) { return std::isfinite(s); });
    float tile_sum = 0;
    for (float& s : p) {
      s = std::isfinite(s) ? exponential(alpha * (s - largest)) : 0.0f;
      tile_sum += s;
    }
    const float factor = any ? exponential(alpha * (max - largest)) : 1.0f;
    if (any) sum = sum * factor + tile_sum;
    max = largest;
    for (std::int64_t n = 0; n < dim; ++n) {
      float& acc = y[static_cast<std::size_t>(n)];
      if (begin > tile.first) acc *= factor;
      for (std::int64_t part = begin; part < end; part += order.context_k) {
        const float term = context(&p[static_cast<std::size_t>(part - begin)], first_row + part,
                                   std::min(order.context_k, end - part), n);
        acc = begin == tile.first && part == begin ? term : acc + term;
      }
    }
  }
  const float inverse = 1.0f / sum;
  for (float& x : y) x *= inverse;
  return y;
}

std::vector<double> attention_reference(const Attention& op, const std::vector<double>& queries,
                                        const std::vector<double>& keys,
                                        const std::vector<double>& values,
                                        const std::vector<double>& sinks) {
  const std::int64_t dim = op.context.n, depth = op.scores.k;
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  std::vector<double> result(at(op.scores.batch * op.scores.m * dim), 0.0);
  for (std::int64_t head = 0; head < op.scores.batch; ++head)
    for (std::int64_t query = 0; query < op.scores.m; ++query) {
      const Seen own = seen(op, query, query + 1);
      check_interrupt_after((own.end - own.first) * (depth + dim));
      const std::int64_t q = (head * op.scores.m + query) * depth;
      const std::int64_t row = head / op.scores.shared * op.scores.n;
      const std::int64_t own_head = head % op.softmax.heads;
      std::vector<double> p;
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t key = own.first; key < own.end; ++key) {
        double s = 0;
        for (std::int64_t i = 0; i < depth; ++i)
          s += queries[at(q + i)] * keys[at((row + key) * depth + i)];
        s = capped(op.softcap, s);
        s *= vector_alpha(op.softmax);
        if (op.softmax.alibi > 0)
          s += slope_of_head(op.softmax, own_head) * static_cast<double>(key - own.end + 1);
        p.push_back(s);
        largest = std::max(largest, p.back());
      }
      if (!sinks.empty()) largest = std::max(largest, sinks[at(own_head)]);
      if (!sinks.empty()) sum = std::exp(sinks[at(own_head)] - largest);
      for (double& s : p) s -= largest;
      exponentiate(p.data(), static_cast<std::int64_t>(p.size()));
      for (const double s : p) sum += s;
      double* y = &result[at((head * op.scores.m + query) * dim)];
      for (std::int64_t key = own.first; key < own.end; ++key)
        for (std::int64_t n = 0; n < dim; ++n)
          y[n] += p[at(key - own.first)] / sum * values[at((row + key) * dim + n)];
    }
  return result;
}

}  // namespace bitjoule
