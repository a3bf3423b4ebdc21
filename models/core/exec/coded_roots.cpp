// Inverse square roots of integers (tensorflow/lite/kernels/internal/common.h,
// GetInvSqrtQuantizedMultiplierExp, and the kernels that use it).
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/exec/coded_values.h"

namespace bitjoule {
namespace {

std::int32_t times(std::int32_t a, std::int32_t b) {
  return saturating_rounding_doubling_high_mul(a, b);
}

std::int32_t shifted_left(std::int32_t x, int bits) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(
      static_cast<std::int64_t>(x) * (std::int64_t{1} << bits), INT32_MIN, INT32_MAX));
}

/// 1 / sqrt(x) as a factor: five steps of Newton's in 3 integer bits, from 1 on.
FixedPointMultiplier inverse_root(std::int32_t x) {
  if (x <= 1) return {INT32_MAX, 0};
  int right = 11;
  while (x >= 1 << 29) {
    x /= 4;
    ++right;
  }
  int zeros = 0;
  while ((static_cast<std::uint32_t>(x) << zeros & 0x80000000u) == 0) ++zeros;
  const int pairs = std::max(0, (zeros - 1) / 2 - 1);
  right -= pairs;
  x *= 1 << (2 * pairs);
  constexpr std::int32_t kOne = 1 << 28, kHalfThree = (1 << 28) + (1 << 27);
  const std::int32_t half = rounding_divide_by_pot(x >> 1, 1);
  std::int32_t y = kOne;
  for (int i = 0; i < 5; ++i) {
    const std::int32_t cube = shifted_left(times(times(y, y), y), 6);
    y = shifted_left(times(kHalfThree, y) - times(half, cube), 3);
  }
  constexpr std::int32_t kRootOfHalf = 1518500250;
  y = times(y, kRootOfHalf);
  if (right < 0) {
    y *= 1 << -right;
    right = 0;
  }
  return {y, -right};
}

}  // namespace

Codes fixed_inverse_root(const CodedJob& job) {
  constexpr int kShift = 20;  // keeps the root an integer
  const double scale = 1 / static_cast<double>(std::sqrt(job.scale(0)) * job.output_scale());
  FixedPointMultiplier to = fixed_point_multiplier(scale);
  to.shift -= kShift;
  if (to.shift < -31) to = {0, 0};
  return each_result(job, [&](std::size_t i) -> std::int64_t {
    const std::int32_t x = job.distance(0, i);
    if (x < 0) throw input_error("rsqrt: a code stands for a number below 0");
    if (x == 0) return INT32_MAX;
    FixedPointMultiplier root = inverse_root(x);
    root.shift += kShift;
    return fixed_point_product(job.mode, fixed_point_product(job.mode, 1, root), to);
  });
}

Codes fixed_l2_norm(const CodedJob& job) {
  constexpr int kOutputBits = 7;                  // its scale is 1 / 128
  const bool is_signed = job.output_zero() == 0;  // 128 of unsigned codes
  const std::size_t cols = std::max<std::size_t>(1, at(job.op.cols));
  std::vector<FixedPointMultiplier> roots;
  for (std::size_t r = 0; r < at(job.op.rows); ++r) {
    std::int64_t squares = 0;
    for (std::size_t i = r * cols; i < (r + 1) * cols; ++i)
      squares += static_cast<std::int64_t>(job.distance(0, i)) * job.distance(0, i);
    if (squares > INT32_MAX) throw input_error("l2norm: the sum of squares leaves 32 bits");
    roots.push_back(inverse_root(static_cast<std::int32_t>(squares)));
    if (is_signed) roots.back().shift += kOutputBits;
  }
  // Of unsigned codes the distance is shifted, of signed ones the root: they round unlike.
  const std::int32_t factor = is_signed ? 1 : 1 << kOutputBits;
  return each_result(job, [&](std::size_t i) {
    return fixed_point_product(job.mode, factor * job.distance(0, i), roots[i / cols]);
  });
}

}  // namespace bitjoule
