#include "core/mapping/input_taps.h"

#include <numeric>

#include "core/units.h"

namespace bitjoule {

// A tile of k begins at a multiple of its size, anywhere in the channels of a kernel position.
InputTaps input_taps(const Lowered& l, std::int64_t k, bool full_k) {
  if (full_k) return {l.kernel_h, l.kernel_w, l.channels};
  const std::int64_t positions = std::min(
      l.kernel_h * l.kernel_w, ceil_div(l.channels - std::gcd(k, l.channels) + k, l.channels));
  if (positions == 1) return {1, 1, k};
  return {std::min(l.kernel_h, ceil_div(positions, l.kernel_w) + 1), l.kernel_w, l.channels};
}

}  // namespace bitjoule
