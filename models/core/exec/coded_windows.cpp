// Sums, extremes, quotients and resized tensors of codes, and what enters a state.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/exec/coded_values.h"
#include "core/exec/element_order.h"
#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

/// What an image's axis is resized by; other axes stay.
struct Axis {
  std::int64_t from = 1, to = 1, stride = 1;
};

/// The two middle axes of four.
std::pair<Axis, Axis> image_axes(const CodedJob& job) {
  const auto& from = job.op.operand_shapes[0];
  const auto& to = job.op.shape;
  if (to.size() != 4 || from[0] != to[0] || from[3] != to[3])
    throw input_error("resize: expected an image whose height and width alone change");
  return {{from[1], to[1], from[2] * from[3]}, {from[2], to[2], from[3]}};
}

/// Neighbours of a place, and the share of the second.
struct Neighbours {
  std::int64_t low = 0, high = 0, share = 0;
};

/// Sums are taken of codes and shares in the type of the shares.
template <class At = Neighbours, class Place, class Sum>
Codes resized(const CodedJob& job, Place place, Sum sum) {
  job.require_one_scale();
  const std::pair<Axis, Axis> axes = image_axes(job);
  const Axis &down = axes.first, &across = axes.second;
  std::vector<At> columns;
  for (std::int64_t x = 0; x < across.to; ++x) columns.push_back(place(x, across));
  const std::int64_t channels = across.stride;
  const Codes& from = job.inputs[0];
  Codes y;
  y.reserve(at(job.op.elements()));
  for (std::int64_t image = 0; image < job.op.shape[0]; ++image)
    for (std::int64_t row = 0; row < down.to; ++row) {
      const At v = place(row, down);
      for (const At& h : columns)
        for (std::int64_t c = 0; c < channels; ++c) {
          check_interrupt_after(16);
          const auto code = [&](std::int64_t r, std::int64_t column) {
            return static_cast<decltype(v.share)>(
                from[at((image * down.from + r) * down.stride + column * channels + c)]);
          };
          y.push_back(job.code(sum(code(v.low, h.low), code(v.low, h.high), code(v.high, h.low),
                                   code(v.high, h.high), v.share, h.share) -
                               job.output_zero()));
        }
    }
  return y;
}

bool aligns(const CodedJob& job) {
  return job.op.resize->coordinates == Resize::Coordinates::kAlignCorners;
}
bool halves(const CodedJob& job) {
  return job.op.resize->coordinates == Resize::Coordinates::kHalfPixel;
}

}  // namespace

Codes fixed_reduce_sum(const CodedJob& job) {
  const FixedPointMultiplier m =
      fixed_point_multiplier(wide(job.scale(0)) / wide(job.output_scale()));
  const std::int64_t n = job.op.reduced;
  return each_result(job, [&](std::size_t i) {
    std::int64_t sum = -n * job.zero(0);
    for (std::int64_t j = 0; j < n; ++j)
      sum += job.inputs[0][at(static_cast<std::int64_t>(i) * n + j)];
    return fixed_point_product(job.mode, static_cast<std::int32_t>(sum), m);
  });
}

Codes extreme(const CodedJob& job) {
  job.require_one_scale();
  const std::int64_t n = job.op.reduced;
  return each_result(job, [&](std::size_t i) {
    const auto first = job.inputs[0].begin() + static_cast<std::int64_t>(i) * n;
    return (job.op.kind == VectorKind::kReduceMax ? *std::max_element(first, first + n)
                                                  : *std::min_element(first, first + n)) -
           job.output_zero();
  });
}

Codes larger_or_smaller(const CodedJob& job) {
  job.require_one_scale();
  return each_result(job, [&](std::size_t i) {
    const std::int32_t a = job.distance(0, i), b = job.distance(1, i);
    return job.op.kind == VectorKind::kMax ? std::max(a, b) : std::min(a, b);
  });
}

/// The second operand is the slope.
Codes fixed_prelu(const CodedJob& job) {
  const auto above = fixed_point_multiplier(wide(job.scale(0)) / wide(job.output_scale()));
  const auto below =
      fixed_point_multiplier(wide(job.scale(0)) * wide(job.scale(1)) / wide(job.output_scale()));
  return each_result(job, [&](std::size_t i) {
    const std::int32_t d = job.distance(0, i);
    return d >= 0 ? fixed_point_product(job.mode, d, above)
                  : fixed_point_product(job.mode, d * job.distance(1, i), below);
  });
}

Codes fixed_squared_difference(const CodedJob& job) {
  const int bits = job.range.hi > 255 ? 0 : 7;
  const double a = wide(job.scale(0)), b = wide(job.scale(1)), twice = 2 * std::max(a, b);
  const auto first = fixed_point_multiplier(a / twice), second = fixed_point_multiplier(b / twice);
  const float last = static_cast<float>(1 << (2 * bits)) * job.output_scale();
  const auto out = fixed_point_multiplier(twice * twice / wide(last));
  return each_result(job, [&](std::size_t i) {
    const std::int32_t d = fixed_point_product(job.mode, job.distance(0, i) * (1 << bits), first) -
                           fixed_point_product(job.mode, job.distance(1, i) * (1 << bits), second);
    return fixed_point_product(job.mode, d * d, out);
  });
}

Codes fixed_div(const CodedJob& job) {
  const FixedPointMultiplier m =
      fixed_point_multiplier(wide(job.scale(0)) / (wide(job.scale(1)) * wide(job.output_scale())));
  return each_result(job, [&](std::size_t i) {
    std::int32_t a = job.distance(0, i), b = job.distance(1, i);
    if (b == 0) throw input_error("div: a divisor is 0");
    if (a == 0) return 0;
    if (b < 0) a = -a, b = -b;
    const FixedPointMultiplier inverse = fixed_reciprocal(b);
    // As many leading bits as are free, but for the sign.
    const int headroom = __builtin_clrsb(a);
    const std::int32_t quotient = fixed_point_product(job.mode, a, {inverse.m0, headroom});
    const int shift = m.shift - inverse.shift - headroom;
    return shift < -31 ? 0 : fixed_point_product(job.mode, quotient, {m.m0, shift});
  });
}

/// In 1024ths of an element.
Codes fixed_resize(const CodedJob& job) {
  const auto place = [&](std::int64_t o, const Axis& axis) {
    std::int64_t scale = (1024 * axis.from + axis.to / 2) / axis.to;
    if (aligns(job) && axis.to > 1)
      scale = (1024 * (axis.from - 1) + (axis.to - 1) / 2) / (axis.to - 1);
    const std::int64_t p = o * scale + (halves(job) ? scale / 2 - 512 : 0);
    const std::int64_t low = std::max<std::int64_t>(p / 1024, 0);
    return Neighbours{low, std::min((p + 1023) / 1024, axis.from - 1), p - 1024 * low};
  };
  const bool single = job.mode == Requantize::kTfliteSingleRounding;
  return resized(job, place,
                 [single](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d,
                          std::int64_t v, std::int64_t h) {
                   const std::int64_t sum = a * (1024 - v) * (1024 - h) + b * (1024 - v) * h +
                                            c * v * (1024 - h) + d * v * h;
                   constexpr std::int64_t kHalf = 1 << 19;
                   if (single) return (sum + kHalf) >> 20;
                   return (sum + (sum > 0 ? kHalf : -kHalf)) / (1 << 20);
                 });
}

/// Of uint8 the built-in kernels weigh in fp32, and cut off what a half was added to.
Codes builtin_resize(const CodedJob& job) {
  if (job.range.hi != UINT8_MAX) return fixed_resize(job);
  struct Place {
    std::int64_t low, high;
    float share;
  };
  const auto place = [&](std::int64_t o, const Axis& axis) {
    const auto in = static_cast<float>(axis.from), out = static_cast<float>(axis.to);
    const float scale = aligns(job) && axis.to > 1 ? (in - 1) / (out - 1) : in / out;
    const auto at = static_cast<float>(o);
    const float p = halves(job) ? (at + 0.5f) * scale - 0.5f : at * scale;
    const auto low = std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(p)), 0);
    return Place{low, std::min(static_cast<std::int64_t>(std::ceil(p)), axis.from - 1),
                 p - static_cast<float>(low)};
  };
  const auto sum = [](float a, float b, float c, float d, float v, float h) {
    const float y = a * ((1 - v) * (1 - h)) + b * ((1 - v) * h) + c * (v * (1 - h)) + d * (v * h);
    constexpr float kHalf = 0.5f;  // cut towards zero behind it, also where y is below
    return static_cast<std::int64_t>(y + kHalf);
  };
  return resized<Place>(job, place, sum);
}

/// In 2048ths, placed in fp32.
Codes xnnpack_resize(const CodedJob& job) {
  const auto place = [&](std::int64_t o, const Axis& axis) {
    const auto in = static_cast<float>(axis.from), out = static_cast<float>(axis.to);
    const float scale = aligns(job) && axis.to > 1 ? (in - 1) / (out - 1) : in / out;
    float p = static_cast<float>(o) * scale;
    if (halves(job)) p = std::clamp((static_cast<float>(o) + 0.5f) * scale - 0.5f, 0.0f, in - 1);
    const auto low = static_cast<std::int64_t>(p);
    return Neighbours{
        low, std::min(low + 1, axis.from - 1),
        static_cast<std::int64_t>(std::nearbyint((p - static_cast<float>(low)) * 2048))};
  };
  return resized(job, place,
                 [](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d, std::int64_t v,
                    std::int64_t h) {
                   const std::int64_t t = a * 2048 + (b - a) * h, u = c * 2048 + (d - c) * h;
                   return (t * 2048 + (u - t) * v + (1 << 21)) >> 22;
                 });
}

/// The new column is relative to the state's zero-point; an int8 sum wraps, as the kernel's store
/// does.
Codes shift_in(const CodedJob& job) {
  const bool is_byte = job.range.hi == 127;
  const bool is_fixed = job.mode == Requantize::kTfliteDoubleRounding ||
                        job.mode == Requantize::kTfliteSingleRounding;
  if (is_byte && !is_fixed)
    throw input_error(
        "shift_in: this requantization has no known rule for states of int8; "
        "tflite_double_rounding and tflite_single_rounding have");
  const auto n = at(job.op.shape.back());
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i % n != n - 1) {
      y[i] = job.inputs[0][i + 1];
      continue;
    }
    const std::int32_t sum = job.inputs[1][i / n] + job.output_zero();
    y[i] = is_byte ? static_cast<std::int8_t>(sum) : static_cast<std::int16_t>(sum);
  }
  return y;
}

}  // namespace bitjoule
