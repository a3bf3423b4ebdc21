// Means of codes, and sums of the built-in kernels.
#include <algorithm>
#include <cmath>

#include "core/exec/coded_values.h"
#include "core/index.h"

namespace bitjoule {
namespace {

/// Elements that one result is made of, and the sum of their codes.
struct Reduced {
  explicit Reduced(const CodedJob& of) : job(of) {
    count = of.op.window ? of.op.window->height * of.op.window->width : of.op.reduced;
  }
  std::int64_t codes(std::size_t result) const {
    const auto i = static_cast<std::int64_t>(result);
    const std::int64_t channels = job.op.window ? job.op.window->channels : 1;
    const std::int64_t first = i / channels * channels * count + i % channels;
    std::int64_t sum = 0;
    for (std::int64_t j = 0; j < count; ++j) sum += job.inputs[0][at(first + j * channels)];
    return sum;
  }
  /// Relative to the zero-point.
  std::int64_t sum(std::size_t result) const { return codes(result) - count * job.zero(0); }

  const CodedJob& job;
  std::int64_t count;
};

bool keeps_scale(const CodedJob& job) {
  return job.scale(0) == job.output_scale() && job.zero(0) == job.output_zero();
}

/// Half away from zero.
std::int64_t nearest_of(float x) { return static_cast<std::int64_t>(std::round(x)); }

/// What a store of that many bits keeps.
std::int64_t wrapped(std::int64_t x, ClampRange range) {
  if (range.hi == INT8_MAX) return static_cast<std::int8_t>(x);
  if (range.hi == UINT8_MAX) return static_cast<std::uint8_t>(x);
  return static_cast<std::int16_t>(x);
}

/// Over height and width of an image whose axes are kept: of the codes, whose zero-point is taken
/// off at the end.
Codes mean_of_image(const CodedJob& job, const Reduced& reduced) {
  const float offset = static_cast<float>(job.zero(0)) * job.scale(0) / job.output_scale();
  const FixedPointMultiplier m = fixed_point_multiplier(
      wide(job.scale(0) / (static_cast<float>(reduced.count) * job.output_scale())));
  return each_result(job, [&](std::size_t i) {
    const auto codes = static_cast<std::int32_t>(reduced.codes(i));
    return fixed_point_product(job.mode, codes, m) - nearest_of(offset);
  });
}

}  // namespace

Codes fixed_mean(const CodedJob& job) {
  const Reduced mean(job);
  FixedPointMultiplier m = fixed_point_multiplier(wide(job.scale(0)) / wide(job.output_scale()));
  const int more = std::min({std::ilogb(static_cast<double>(mean.count)), 32, 31 + m.shift});
  m.m0 = static_cast<std::int32_t>((static_cast<std::int64_t>(m.m0) << more) / mean.count);
  m.shift -= more;
  return each_result(job, [&](std::size_t i) {
    return fixed_point_product(job.mode, static_cast<std::int32_t>(mean.sum(i)), m);
  });
}

Codes xnnpack_mean(const CodedJob& job) {
  const Reduced mean(job);
  const float factor = job.scale(0) / (job.output_scale() * static_cast<float>(mean.count));
  return each_result(job, [&](std::size_t i) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<float>(mean.sum(i)) * factor));
  });
}

/// Of one scale the mean of the codes is cut off; else it is formed in fp32.
Codes builtin_mean(const CodedJob& job) {
  const Reduced mean(job);
  const bool is_byte = job.range.hi <= UINT8_MAX;
  if (is_byte && job.op.codes->keeps_axes) return mean_of_image(job, mean);
  if (keeps_scale(job))
    return each_result(
        job, [&](std::size_t i) { return mean.codes(i) / mean.count - job.output_zero(); });
  const float scale = job.scale(0) / job.output_scale();
  const float bias = static_cast<float>(-job.zero(0)) * scale;
  return each_result(job, [&](std::size_t i) {
    const float value = static_cast<float>(mean.codes(i)) / static_cast<float>(mean.count);
    return nearest_of(value * scale + bias);
  });
}

/// Sums do not saturate; of one scale they are those of the codes themselves.
Codes builtin_sum(const CodedJob& job) {
  const Reduced sums(job);
  const float scale = job.scale(0) / job.output_scale();
  const float bias = static_cast<float>(-job.zero(0)) * scale * static_cast<float>(sums.count);
  return each_result(job, [&](std::size_t i) {
    const std::int64_t codes = sums.codes(i);
    const std::int64_t code =
        keeps_scale(job) ? codes
                         : nearest_of(static_cast<float>(codes) * scale + bias) + job.output_zero();
    return wrapped(code, job.range) - job.output_zero();
  });
}

}  // namespace bitjoule
