#include "run/generators.h"

#include <algorithm>
#include <cmath>

#include "core/interrupt.h"

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

constexpr std::size_t kUninterrupted = std::size_t{1} << 20;  // elements

/// One element after the other; new memory takes its time too.
template <class F>
std::vector<float> filled(std::size_t count, F next) {
  std::vector<float> values;
  values.reserve(count);
  while (values.size() < count) {
    check_interrupt();
    const std::size_t end = std::min(count, values.size() + kUninterrupted);
    while (values.size() < end) values.push_back(next());
  }
  return values;
}

/// Close to normal, from integers alone (the sum of four 16-bit uniforms): mean 0, the given
/// deviation, at most 3.46 of them away.
std::vector<float> normal(Splitmix& random, double deviation, std::size_t count) {
  // The variance of a 16-bit uniform is (2^32 - 1) / 12.
  const double unit = deviation / std::sqrt(4.0 * 4294967295.0 / 12.0);
  return filled(count, [&] {
    const std::uint64_t x = random.next();
    const auto sum = static_cast<std::int64_t>((x & 0xFFFF) + (x >> 16 & 0xFFFF) +
                                               (x >> 32 & 0xFFFF) + (x >> 48));
    return static_cast<float>(static_cast<double>(sum - 2 * 65535) * unit);
  });
}

/// Multiples of 2^-32 in [-1, 1), scaled to the deviation.
std::vector<float> uniform(Splitmix& random, double deviation, std::size_t count) {
  const double unit = deviation * std::sqrt(3.0) / 4294967296.0;
  return filled(count, [&] {
    return static_cast<float>(
        static_cast<double>(static_cast<std::int64_t>(random.next() >> 31) - 4294967296) * unit);
  });
}

void enlarge_channels(const TensorSource& source, Splitmix& random, std::int64_t k,
                      std::vector<float>& values) {
  const std::int64_t channels =
      std::clamp<std::int64_t>(std::llround(source.outlier_share * static_cast<double>(k)), 1, k);
  // Floyd's sample without repetition (Bentley and Floyd, CACM 1987).
  std::vector<bool> chosen(static_cast<std::size_t>(k));
  for (std::int64_t j = k - channels; j < k; ++j) {
    const auto c = static_cast<std::size_t>(random.next() % static_cast<std::uint64_t>(j + 1));
    chosen[chosen[c] ? static_cast<std::size_t>(j) : c] = true;
  }
  const auto factor = static_cast<float>(source.outlier_factor);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (chosen[i % chosen.size()]) values[i] *= factor;
}

}  // namespace

std::vector<float> generate_values(const TensorSource& source, std::int64_t rows, std::int64_t k,
                                   double deviation, std::uint64_t seed) {
  const auto count = static_cast<std::size_t>(rows * k);
  Splitmix random(seed);
  std::vector<float> values = source.generator == TensorSource::Generator::kUniform
                                  ? uniform(random, deviation, count)
                                  : normal(random, deviation, count);
  if (source.generator == TensorSource::Generator::kOutliers)
    enlarge_channels(source, random, k, values);
  return values;
}

}  // namespace bitjoule
