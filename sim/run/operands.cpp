#include "sim/run/operands.h"

#include <cmath>

namespace bitjoule {
namespace {

/// splitmix64 (Steele et al., OOPSLA 2014).
class Splitmix {
 public:
  explicit Splitmix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// Close to normal, from integers alone (the sum of four 16-bit uniforms), so that every platform
/// generates the same bits: mean 0, the given deviation, at most 3.46 of them away.
std::vector<float> normal(std::int64_t n, double deviation, std::uint64_t seed) {
  Splitmix random(seed);
  // The variance of a 16-bit uniform is (2^32 - 1) / 12.
  const double unit = deviation / std::sqrt(4.0 * 4294967295.0 / 12.0);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) {
    const std::uint64_t x = random.next();
    const auto sum = static_cast<std::int64_t>((x & 0xFFFF) + (x >> 16 & 0xFFFF) +
                                               (x >> 32 & 0xFFFF) + (x >> 48));
    v = static_cast<float>(static_cast<double>(sum - 2 * 65535) * unit);
  }
  return values;
}

}  // namespace

Operands generate_operands(const MappingProblem& p, std::int64_t seed) {
  const Lowered& l = p.layer;
  const std::int64_t row = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  const auto base = static_cast<std::uint64_t>(seed) * 2;
  std::vector<float> inputs = normal(l.input_elements(), 1.0, base);
  std::vector<float> weights = normal(l.weight_rows() * l.extents.k,
                                      1.0 / std::sqrt(static_cast<double>(l.extents.k)), base + 1);
  QuantizedTensor stored_inputs = QuantizedTensor::quantize(
      p.path.activations.format, inputs.data(), l.input_elements() / row, row);
  QuantizedTensor stored_weights = QuantizedTensor::quantize(p.path.weights.format, weights.data(),
                                                             l.weight_rows(), l.extents.k);
  return {std::move(inputs), std::move(weights), std::move(stored_inputs),
          std::move(stored_weights)};
}

}  // namespace bitjoule
