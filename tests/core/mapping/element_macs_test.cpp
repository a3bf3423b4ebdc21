// MACs that take elements of formats with scales as they are: when, what comes out, what is
// counted.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/exec/layer_values.h"
#include "core/mapping/machine_counts.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::element_macs_test {
namespace {

TensorFormat format_of(const std::string& name) {
  TensorFormat format;
  format.format = name;
  return format;
}

Precision precision_of(const std::string& weights, const std::string& activations) {
  Precision p;
  p.weights = format_of(weights);
  p.activations = format_of(activations);
  p.output = format_of("fp32");
  return p;
}

MappingProblem problem_of(const LayerOp& op, const Precision& precision) {
  MappingProblem p;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe, op);
  return p;
}

Tile whole_layer(const Lowered& l) {
  return {0, l.extents.groups, 0, l.batch,     0, l.out_height,
          0, l.out_width,      0, l.extents.n, 0, l.extents.k};
}

/// An element by the definition of OCP's formats: sign, exponent, mantissa, subnormals; no
/// specials.
struct Element {
  int exponent_bits, mantissa_bits;
  int bits() const { return 1 + exponent_bits + mantissa_bits; }
  double value(unsigned code) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const unsigned exponent = code >> mantissa_bits & ((1u << exponent_bits) - 1);
    const double mantissa = code & ((1u << mantissa_bits) - 1);
    const double one = std::ldexp(1.0, mantissa_bits);
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa / one, 1 - bias)
                      : std::ldexp(1 + mantissa / one, static_cast<int>(exponent) - bias);
    return (code >> (bits() - 1) & 1) != 0 ? -magnitude : magnitude;
  }
};
constexpr Element kE2m1{2, 1}, kE2m3{2, 3}, kE3m2{3, 2}, kE4m3{4, 3}, kE5m2{5, 2};

/// What the stored bytes say: codes from the lowest bit, rows of whole bytes, a byte per scale.
struct Stored {
  const QuantizedTensor& tensor;
  Element element;
  std::size_t row_bytes() const {
    return (static_cast<std::size_t>(tensor.k()) * static_cast<std::size_t>(element.bits()) + 7) /
           8;
  }
  double at(std::size_t row, std::size_t k) const {
    const std::size_t first = k * static_cast<std::size_t>(element.bits());
    unsigned code = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(element.bits()); ++i) {
      const unsigned byte = tensor.bytes()[row * row_bytes() + (first + i) / 8];
      code |= (byte >> (first + i) % 8 & 1u) << i;
    }
    return element.value(code);
  }
  unsigned scale(std::size_t row, std::size_t group, std::size_t per_row) const {
    return tensor
        .bytes()[static_cast<std::size_t>(tensor.rows()) * row_bytes() + row * per_row + group];
  }
};

std::vector<float> random_values(std::mt19937& random, std::size_t n) {
  std::normal_distribution<float> values;
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = values(random) * std::ldexp(1.0f, static_cast<int>(i / 48 % 9) - 4);
  return out;
}

constexpr std::int64_t kM = 5, kN = 7, kK = 96;

struct Operands {
  QuantizedTensor x, w;
};

Operands operands_of(const Precision& p) {
  std::mt19937 random(7);
  const std::vector<float> x = random_values(random, kM * kK), w = random_values(random, kN * kK);
  return {QuantizedTensor::quantize(p.activations, x.data(), kM, kK),
          QuantizedTensor::quantize(p.weights, w.data(), kN, kK)};
}

std::vector<float> outputs_of(const Precision& precision, const Operands& operands) {
  const MappingProblem p = problem_of(Gemm{kM, kN, kK}, precision);
  REQUIRE(p.path.scaled_elements);
  LayerValues values(p, operands.x, operands.w, {});
  const Tile tile = whole_layer(p.layer);
  values.compute_tile(tile);
  values.finish(tile);
  return values.outputs();
}

/// Dot of OCP Microscaling 1.0, section 6.2: blocks are summed in fp32, products in ascending k.
float mx_dot(const Stored& x, const Stored& w, std::size_t m, std::size_t n) {
  constexpr std::size_t kBlock = 32, kBlocks = kK / kBlock;
  float total = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    float sum = 0;
    for (std::size_t k = block * kBlock; k < (block + 1) * kBlock; ++k)
      sum = sum + static_cast<float>(x.at(m, k) * w.at(n, k));
    const int exponent = static_cast<int>(x.scale(m, block, kBlocks)) - 127 +
                         static_cast<int>(w.scale(n, block, kBlocks)) - 127;
    total = total + static_cast<float>(std::ldexp(double{sum}, exponent));
  }
  return total;
}

std::int64_t count_of(const Counts& actions, const std::string& activity, const std::string& type) {
  std::int64_t count = 0;
  for (const Action& action : actions)
    if (action.activity == activity && action.type == type) count += action.count;
  return count;
}

Counts actions_of(const MappingProblem& p) {
  const Tile tile = whole_layer(p.layer);
  MachineCounts counts;
  for_each_fold(p, tile, [&](const FoldJob& job) { count_fold(p, job, counts); });
  count_output(p, tile, counts);
  return priced_actions(p, counts);
}

}  // namespace

TEST_CASE("element MACs: the narrowest that takes both operands' elements, if scales meet sums") {
  struct Row {
    const char *weights, *activations, *mac;
    std::int64_t per_pe, group;
    bool takes;
  };
  // PEs of 32 bits; fp6 takes the place of 8.
  const Row rows[] = {{"mxfp4", "mxfp4", "fp4_e2m1", 8, 32, true},
                      {"nvfp4", "nvfp4", "fp4_e2m1", 8, 16, true},
                      {"mxfp4", "mxfp8_e4m3", "fp8_e4m3", 4, 32, true},
                      {"mxfp6_e2m3", "mxfp6_e2m3", "fp6_e2m3", 4, 32, true},
                      {"mxfp6_e3m2", "mxfp4", "fp6_e3m2", 4, 32, true},
                      {"mxfp6_e2m3", "mxfp6_e3m2", "fp8_e4m3", 4, 32, true},
                      {"mxfp8_e5m2", "mxfp8_e5m2", "fp8_e5m2", 4, 32, true},
                      {"nvfp4", "mxfp8_e4m3", "fp8_e4m3", 4, 16, true},
                      {"mxfp4", "fp8_e4m3", "fp8_e4m3", 4, 32, true},
                      {"fp8_e4m3_scaled", "fp8_e4m3_scaled", "fp8_e4m3", 4, 0, true},
                      {"mxfp8_e4m3", "mxfp8_e5m2", "fp16", 2, 0, false},
                      {"mxfp4", "fp16", "fp16", 2, 0, false},
                      {"fp8_e4m3", "fp8_e4m3", "fp8_e4m3", 4, 0, false}};
  for (const Row& row : rows) {
    CAPTURE(row.weights);
    CAPTURE(row.activations);
    const DataPath path =
        problem_of(Gemm{2, 2, 64}, precision_of(row.weights, row.activations)).path;
    CHECK(path.mac.name == row.mac);
    CHECK(path.macs_per_pe == row.per_pe);
    CHECK(path.scale_group == row.group);
    CHECK(path.scaled_elements == row.takes);
    CHECK((path.weights.dequantized || path.activations.dequantized) ==
          (!row.takes && std::string(row.weights) != row.mac));
  }
  // Sums of elements under several scales mean nothing: windows, and k rows of n.
  Conv2d window;
  window.height = window.width = 4;
  window.channels = window.filters = 48;
  window.kernel_h = window.kernel_w = 3;
  CHECK(problem_of(window, precision_of("mxfp4", "mxfp4")).path.mac.name == "fp16");
  CHECK(problem_of(window, precision_of("nvfp4", "nvfp4")).path.scaled_elements);  // 48 is 3 x 16
  Matmul product{1, 4, 32, 64, 1};
  product.k_rows = true;
  CHECK(problem_of(product, precision_of("mxfp4", "mxfp4")).path.mac.name == "fp16");
}

TEST_CASE("element MACs: MX blocks as the standard's dot product, to the bit") {
  const struct {
    const char* name;
    Element element;
  } kRows[] = {{"mxfp4", kE2m1},
               {"mxfp6_e2m3", kE2m3},
               {"mxfp6_e3m2", kE3m2},
               {"mxfp8_e4m3", kE4m3},
               {"mxfp8_e5m2", kE5m2}};
  for (const auto& w : kRows)
    for (const auto& x : kRows) {
      if (&w != &x && (w.element.bits() == 8 || x.element.bits() != 8)) continue;
      if (std::string(x.name) == "mxfp8_e5m2" && w.element.mantissa_bits == 3) continue;
      CAPTURE(w.name);
      CAPTURE(x.name);
      const Precision p = precision_of(w.name, x.name);
      const Operands o = operands_of(p);
      const std::vector<float> outputs = outputs_of(p, o);
      const Stored xs{o.x, x.element}, ws{o.w, w.element};
      for (std::size_t m = 0; m < kM; ++m)
        for (std::size_t n = 0; n < kN; ++n) CHECK(outputs[m * kN + n] == mx_dot(xs, ws, m, n));
    }
}

TEST_CASE("element MACs: nvfp4 blocks under E4M3 scales, the tensors' at the end") {
  const Precision p = precision_of("nvfp4", "nvfp4");
  const Operands o = operands_of(p);
  const std::vector<float> outputs = outputs_of(p, o);
  const Stored x{o.x, kE2m1}, w{o.w, kE2m1};
  const auto tensor_scale = [](const QuantizedTensor& t) {
    float scale = 0;
    std::memcpy(&scale, t.bytes().data() + t.bytes().size() - 4, 4);
    return scale;
  };
  constexpr std::size_t kBlock = 16, kBlocks = kK / kBlock;
  for (std::size_t m = 0; m < kM; ++m)
    for (std::size_t n = 0; n < kN; ++n) {
      float total = 0;
      for (std::size_t block = 0; block < kBlocks; ++block) {
        double sum = 0;  // exact: at most 16 * 36 in quarters
        for (std::size_t k = block * kBlock; k < (block + 1) * kBlock; ++k)
          sum += x.at(m, k) * w.at(n, k);
        total = total + static_cast<float>(sum * kE4m3.value(x.scale(m, block, kBlocks)) *
                                           kE4m3.value(w.scale(n, block, kBlocks)));
      }
      const auto both = static_cast<float>(double{tensor_scale(o.x)} * double{tensor_scale(o.w)});
      CHECK(outputs[m * kN + n] == total * both);
    }
}

TEST_CASE("element MACs: block pairs, elements and scales are counted and typed by hand") {
  const MappingProblem mx = problem_of(Gemm{kM, kN, kK}, precision_of("mxfp4", "mxfp4"));
  const Counts a = actions_of(mx);
  const std::int64_t outputs = kM * kN, pairs = outputs * kK / 32, words = outputs * kK / 8;
  CHECK(count_of(a, "multiply", "fp4_e2m1") == outputs * kK);
  CHECK(count_of(a, "multiply_scales", "int8") == pairs);  // exponents of both scales
  CHECK(count_of(a, "scale_sums", "int8") == pairs);
  // E2M1 is -12..12 halves, 5 bits: a tree of 8 products of 10 bits, then one wide addition.
  CHECK(count_of(a, "sum_products_1", "int11") == 4 * words);
  CHECK(count_of(a, "sum_products_2", "int12") == 2 * words);
  CHECK(count_of(a, "sum_products_3", "int13") == words);
  CHECK(count_of(a, "convert_weights", "fp16") == 0);
  const RegionBytes bytes = region_bytes(mx.path.weights.layout, kN, kK);
  CHECK(side_bytes(mx.path.weights.layout, bytes) == kN * kK / 32);

  const Counts n = actions_of(problem_of(Gemm{kM, kN, kK}, precision_of("nvfp4", "nvfp4")));
  CHECK(count_of(n, "multiply", "fp4_e2m1") == outputs * kK);
  CHECK(count_of(n, "multiply_scales", "fp8_e4m3") == outputs * kK / 16);
  CHECK(count_of(n, "scale_sums", "fp32") == outputs * kK / 16);
  CHECK(count_of(n, "scale_tensors", "fp32") == outputs);

  // Products of E4M3 are too wide for exact sums: each is added in fp32.
  const Counts f =
      actions_of(problem_of(Gemm{kM, kN, kK}, precision_of("mxfp8_e4m3", "mxfp8_e4m3")));
  CHECK(count_of(f, "multiply", "fp8_e4m3") == outputs * kK);
  CHECK(count_of(f, "sum_products_1", "int1") == 0);
  CHECK(count_of(f, "accumulate", "fp32") == outputs * kK + outputs * (kK / 32 - 1));
}

}  // namespace bitjoule::element_macs_test
