// Multiply-accumulates per second of what computes values: the float64 reference, the oracle and
// the fast array's kernels. One core; a convolution of ResNet-50 as a product, and one token.
#include <benchmark/benchmark.h>

#include <random>

#include "core/exec/kernels.h"
#include "core/oracle/mac_reference.h"
#include "core/oracle/oracle.h"

namespace bitjoule {
namespace {

constexpr Gemm kMany{784, 256, 1152}, kOne{1, 4096, 4096};
constexpr std::int64_t kChunk = 32;  // rows of the array

std::vector<float> normal_values(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> distribution;
  std::vector<float> x(static_cast<std::size_t>(count));
  for (float& v : x) v = distribution(random);
  return x;
}

void count_macs(benchmark::State& state, const Gemm& g) {
  state.SetItemsProcessed(state.iterations() * g.m * g.n * g.k);
}

void reference(benchmark::State& state, const Gemm& g) {
  const std::vector<float> x = normal_values(g.m * g.k), w = normal_values(g.n * g.k);
  const std::vector<double> wide(x.begin(), x.end());
  for (auto _ : state)
    benchmark::DoNotOptimize(mac_reference(g, wide, w, {{}, -INFINITY, INFINITY}));
  count_macs(state, g);
}
BENCHMARK_CAPTURE(reference, many, kMany)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reference, one, kOne)->Unit(benchmark::kMillisecond);

/// All results of a layer, bits and float64 reference.
void oracle(benchmark::State& state, const Gemm& g, const char* format) {
  const std::vector<float> x = normal_values(g.m * g.k), w = normal_values(g.n * g.k);
  TensorFormat f;
  f.format = format;
  const QuantizedTensor stored_x = QuantizedTensor::quantize(f, x.data(), g.m, g.k);
  const QuantizedTensor stored_w = QuantizedTensor::quantize(f, w.data(), g.n, g.k);
  std::vector<std::int64_t> chunks, all;
  for (std::int64_t end = kChunk; end <= g.k; end += kChunk) chunks.push_back(end);
  for (std::int64_t i = 0; i < g.m * g.n; ++i) all.push_back(i);
  const Oracle oracle(g, find_mac_type(format), stored_x, stored_w, x, w, chunks, false);
  for (auto _ : state) benchmark::DoNotOptimize(oracle.at(all));
  count_macs(state, g);
}
BENCHMARK_CAPTURE(oracle, int8_many, kMany, "int8")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(oracle, fp32_many, kMany, "fp32")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(oracle, int8_one, kOne, "int8")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(oracle, fp32_one, kOne, "fp32")->Unit(benchmark::kMillisecond);

void floats(benchmark::State& state, const Gemm& g) {
  const std::vector<float> x = normal_values(g.m * g.k), w = normal_values(g.n * g.k);
  const PackedRows packed(w.data(), g.n, g.k);
  std::vector<float> acc(static_cast<std::size_t>(g.m * g.n));
  for (auto _ : state) {
    if (g.m >= kRowsToPack)
      multiply_floats({x.data(), g.k}, packed, 0, 0, g.m, g.n, g.k, kChunk, false, acc.data());
    else
      multiply_floats({x.data(), g.k}, {w.data(), g.k}, g.m, g.n, g.k, kChunk, false, acc.data());
    benchmark::ClobberMemory();
  }
  count_macs(state, g);
}
BENCHMARK_CAPTURE(floats, many, kMany)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(floats, one, kOne)->Unit(benchmark::kMillisecond);

void integers(benchmark::State& state, const Gemm& g) {
  const std::vector<std::int16_t> x(static_cast<std::size_t>(g.m * g.k), 3);
  const std::vector<std::int16_t> w(static_cast<std::size_t>(g.n * g.k), 5);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(g.m * g.n));
  for (auto _ : state) {
    multiply_integers({x.data(), g.k}, {w.data(), g.k}, g.m, g.n, g.k, sums.data());
    benchmark::ClobberMemory();
  }
  count_macs(state, g);
}
BENCHMARK_CAPTURE(integers, many, kMany)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(integers, one, kOne)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bitjoule
