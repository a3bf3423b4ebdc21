// Elements per second of encoding and decoding, for every format; one core, a tensor that fits the
// second-level cache.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/numeric/quantized_tensor.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kRows = 16, kK = 4096;

std::vector<float> normal_values() {
  std::mt19937 random(1);
  std::normal_distribution<float> distribution;
  std::vector<float> x(kRows * kK);
  for (float& v : x) v = distribution(random);
  return x;
}

void encode(benchmark::State& state, const TensorFormat& format) {
  const std::vector<float> x = normal_values();
  for (auto _ : state) {
    const auto t = QuantizedTensor::quantize(format, x.data(), kRows, kK);
    benchmark::DoNotOptimize(t.bytes().data());
  }
  state.SetItemsProcessed(state.iterations() * kRows * kK);
}

void decode(benchmark::State& state, const TensorFormat& format) {
  const std::vector<float> x = normal_values();
  std::vector<float> y(x.size());
  const auto t = QuantizedTensor::quantize(format, x.data(), kRows, kK);
  for (auto _ : state) {
    t.decode(y.data());
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kRows * kK);
}

void codes(benchmark::State& state, const TensorFormat& format) {
  const std::vector<float> x = normal_values();
  std::vector<std::int16_t> q(kK);
  const auto t = QuantizedTensor::quantize(format, x.data(), kRows, kK);
  for (auto _ : state) {
    for (std::int64_t row = 0; row < kRows; ++row) t.codes(row, 0, kK, q.data());
    benchmark::DoNotOptimize(q.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kRows * kK);
}

void register_format(const std::string& label, const TensorFormat& f) {
  benchmark::RegisterBenchmark(("numeric/encode/" + label).c_str(), encode, f);
  benchmark::RegisterBenchmark(("numeric/decode/" + label).c_str(), decode, f);
  if (native_integer(f).available) {
    benchmark::RegisterBenchmark(("numeric/codes/" + label).c_str(), codes, f);
  }
}

const bool kRegistered = [] {
  for (const Format& row : formats()) {
    if (!row.has_values) continue;
    TensorFormat f;
    f.format = row.name;
    f.granularity = Granularity::kPerChannel;
    register_format(row.name, f);
  }
  for (const char* name : {"int8", "int4"})
    for (const std::int64_t group : {32, 128}) {
      TensorFormat f;
      f.format = name;
      f.granularity = Granularity::kPerGroup;
      f.group_size = group;
      f.scale = "fp16";
      register_format(name + ("_g" + std::to_string(group)), f);
    }
  // As llm-awq stores weights.
  TensorFormat awq;
  awq.format = "uint4";
  awq.granularity = Granularity::kPerGroup;
  awq.symmetric = false;
  awq.scale = awq.zero_point = "fp16";
  register_format("uint4_awq", awq);
  return true;
}();

}  // namespace
}  // namespace bitjoule
