// The numbers of attention by tiles, against the oracle query by query and float64.
#include "core/exec/attention_values.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/mapping/folds.h"
#include "core/oracle/attention_oracle.h"

namespace bitjoule::attention_values_test {
namespace {

constexpr std::int64_t kHeads = 4, kShared = 2, kKeyDim = 32, kValueDim = 32;

struct Case {
  const char *activations, *cache;
  Granularity granularity = Granularity::kPerTensor;  // of integers in the cache
  std::int64_t queries = 1, keys = 50, reach = 0;
  double alibi = 0;
  bool sinks = false, cap = false;
  double decibels = 40;  ///< at least, against float64 of the stored operands
};

TensorFormat format_of(const std::string& name, Granularity granularity = Granularity::kPerTensor) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  return f;
}

Attention attention_of(const Case& c) {
  Attention a;
  a.scores = Matmul{kHeads, c.queries, c.keys, kKeyDim, kShared, false};
  a.context = Matmul{kHeads, c.queries, kValueDim, c.keys, kShared, true};
  a.softmax.kind = VectorKind::kSoftmax;
  a.softmax.rows = kHeads * c.queries;
  a.softmax.cols = c.keys;
  a.softmax.causal = c.queries;
  a.softmax.reach = c.reach;
  a.softmax.heads = kHeads;
  a.softmax.alpha = c.cap ? 1.0 : 1 / std::sqrt(static_cast<double>(kKeyDim));
  a.softmax.alibi = c.alibi;
  a.softmax.sinks = c.sinks;
  if (c.cap) {
    a.softcap.emplace();
    a.softcap->kind = VectorKind::kSoftcap;
    a.softcap->rows = a.softmax.rows;
    a.softcap->cols = a.softmax.cols;
    a.softcap->alpha = 1 / std::sqrt(static_cast<double>(kKeyDim)) / 3;
    a.softcap->beta = 3;
  }
  return a;
}

MappingProblem product_of(const LayerOp& op, const TensorFormat& first,
                          const TensorFormat& second) {
  Precision precision;
  precision.weights = second;
  precision.activations = first;
  precision.output = format_of("fp16");
  MappingProblem p;
  p.machine.array.rows = p.machine.array.cols = 8;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  return p;
}

std::vector<float> normal(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(distribution(generator));
  return values;
}

std::vector<double> decoded(const QuantizedTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.rows() * tensor.k()));
  tensor.decode(values.data());
  return {values.begin(), values.end()};
}

double decibels(const std::vector<double>& exact, const std::vector<float>& got) {
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    signal += exact[i] * exact[i];
    noise += (exact[i] - got[i]) * (exact[i] - got[i]);
  }
  return 10 * std::log10(signal / std::max(noise, 1e-300));
}

void check(const Case& c) {
  CAPTURE(c.activations);
  CAPTURE(c.cache);
  const Attention a = attention_of(c);
  const TensorFormat activations = format_of(c.activations),
                     cache = format_of(c.cache, c.granularity);
  const AttentionProblem problem =
      attention_problem(a, product_of(a.scores, activations, cache),
                        product_of(a.context, probability_format(activations), cache));
  const std::int64_t rows = kHeads * c.queries, cached = kHeads / kShared * c.keys;
  const QuantizedTensor q =
      QuantizedTensor::quantize(activations, normal(rows * kKeyDim, 1).data(), rows, kKeyDim);
  const QuantizedTensor k =
      QuantizedTensor::quantize(cache, normal(cached * kKeyDim, 2).data(), cached, kKeyDim);
  const QuantizedTensor v =
      QuantizedTensor::quantize(cache, normal(cached * kValueDim, 3).data(), cached, kValueDim);
  const std::vector<float> sinks = c.sinks ? normal(kHeads, 4) : std::vector<float>();
  const std::vector<double> exact =
      attention_reference(a, decoded(q), decoded(k), decoded(v), {sinks.begin(), sinks.end()});
  struct Tiles {
    std::int64_t queries, keys;
  };
  for (const Tiles& tiles : {Tiles{1, 16}, {3, 7}, {64, 64}}) {
    CAPTURE(tiles.keys);
    MappingPins pins;
    pins.tile_m = tiles.queries;
    pins.tile_n = tiles.keys;
    const AttentionMapping mapping = map_attention(problem, pins);
    const AttentionProblem p = configured(problem, mapping);
    const AttentionResults results = attention_values(p, mapping.tiling, {q, k, v, sinks});
    CHECK(results.overflows == 0);
    const AttentionOracle oracle{
        a,
        p.scores.path.mac,
        p.context.path.mac,
        q,
        k,
        v,
        sinks,
        p.context.path.activations.format,
        {mapping.tiling.keys, mapping.tiling.queries, fold_k(p.scores, kKeyDim),
         fold_k(p.context, mapping.tiling.keys), p.scores.path.scale_group != 0}};
    std::int64_t wrong = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::vector<float> expected = oracle.at(row / c.queries, row % c.queries);
      for (std::int64_t n = 0; n < kValueDim; ++n)
        if (results.values[static_cast<std::size_t>(row * kValueDim + n)] !=
            expected[static_cast<std::size_t>(n)])
          ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(decibels(exact, results.values) > c.decibels);
  }
}

}  // namespace

TEST_CASE("attention values: bits are the oracle's, and near float64") {
  const Granularity token = Granularity::kPerToken, tensor = Granularity::kPerTensor;
  check({"fp32", "fp32", tensor, 1, 50, 0, 0, false, false, 120});
  check({"fp32", "fp32", tensor, 20, 50, 0, 0, false, false, 120});
  check({"fp32", "fp32", tensor, 20, 50, 9, 0, false, false, 120});
  check({"fp32", "fp32", tensor, 5, 50, 0, 8, true, false, 120});
  check({"fp32", "fp32", tensor, 5, 50, 0, 0, false, true, 110});
  check({"fp16", "fp16", tensor, 5, 50, 0, 0, false, false, 60});
  check({"bf16", "fp8_e4m3", tensor, 5, 50, 0, 0, false, false, 40});
  check({"fp16", "q8_0", tensor, 5, 50, 0, 0, false, false, 60});
  check({"fp16", "q4_0", tensor, 5, 50, 0, 0, true, false, 60});
  check({"fp16", "q5_1", tensor, 5, 50, 20, 0, false, false, 60});
  check({"fp16", "iq4_nl", tensor, 5, 50, 0, 0, false, false, 60});
  check({"fp16", "int4", token, 5, 50, 0, 0, false, false, 60});
  check({"int8", "int8", tensor, 5, 50, 0, 0, false, false, 30});
  check({"int8", "int8", token, 20, 50, 9, 0, false, false, 30});
}

}  // namespace bitjoule::attention_values_test
