// Curves of codes by tables: of every code of 8 bits through fp32, and softmax of int16 by two
// tables of 513 entries (tensorflow/lite/kernels/internal/common.h: gen_lut, LUTLookup).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/exec/coded_values.h"
#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

float curve(VectorKind kind, float x) {
  constexpr float kRootOfHalf = 0.70710678118654752f;     // sqrt(1/2)
  constexpr float kRootOfTwoByPi = 0.79788456080286536f;  // sqrt(2/pi)
  switch (kind) {
    case VectorKind::kElu:
      return x < 0 ? std::expm1(x) : x;
    case VectorKind::kGelu:
      return 0.5f * x * (1 + std::erf(x * kRootOfHalf));
    case VectorKind::kGeluTanh:
      return 0.5f * x * (1 + std::tanh(kRootOfTwoByPi * (x + 0.044715f * x * x * x)));
    case VectorKind::kExp:
      return std::exp(x);
    case VectorKind::kLog:
      return std::log(x);
    case VectorKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case VectorKind::kTanh:
      return std::tanh(x);
    default:
      throw internal_error(fmt::format("{} is no curve", vector_row(kind).name));
  }
}

template <class Round>
Codes by_table(const CodedJob& job, Round round) {
  const VectorKind kind = job.op.kind;
  if (job.range.hi > UINT8_MAX) {
    if (kind == VectorKind::kSigmoid) return logistic_16(job);
    if (kind == VectorKind::kTanh) return hyperbolic_16(job);
    throw input_error(
        fmt::format("{}: of int16 its arithmetic is not known", vector_row(kind).name));
  }
  constexpr std::int32_t kLeast = INT8_MIN, kEntries = UINT8_MAX - kLeast + 1;
  const float inverse = 1 / job.output_scale();
  std::array<std::int32_t, kEntries> table{};
  for (std::int32_t i = 0; i < kEntries; ++i) {
    const float x = job.scale(0) * static_cast<float>(i + kLeast - job.zero(0));
    const float steps = round(curve(kind, x) * inverse);
    const float nearest = std::isnan(steps) ? 0 : std::clamp(steps, -1e6f, 1e6f);
    table[at(i)] = job.code(static_cast<std::int64_t>(nearest));
  }
  Codes y;
  y.reserve(job.inputs[0].size());
  for (const std::int32_t q : job.inputs[0]) {
    check_interrupt_after(2);
    y.push_back(table.at(at(q - kLeast)));
  }
  return y;
}

/// Between 513 entries for numbers of 16 bits. Each entry shares the error at the middle behind it.
class Table16 {
 public:
  template <class F>
  Table16(F f, double low, double high) {
    const double step = (high - low) / kSteps;
    const auto sample = [&](double x) { return std::round(f(x) * 32768); };
    for (int i = 0; i < kSteps; ++i) {
      const double x = low + i * step;
      const double middle = std::round((f(x + step) * 32768 + sample(x)) / 2);
      const double error = std::round((middle - sample(x + step / 2)) / 2);
      set(i, sample(x) - error);
    }
    set(kSteps, sample(high));
  }
  std::int32_t operator()(std::int32_t x) const {
    const std::int32_t index = kSteps / 2 + (x >> 7);
    const std::int32_t low = entries_[at(index)], high = entries_[at(index + 1)];
    return low + (((high - low) * (x & 127) + 64) >> 7);
  }

 private:
  static constexpr int kSteps = 512;
  void set(int i, double value) {
    entries_[at(i)] = static_cast<std::int32_t>(std::clamp(value, -32768.0, 32767.0));
  }
  std::array<std::int32_t, kSteps + 1> entries_{};
};

}  // namespace

Codes tabulated_reals(const CodedJob& job) {
  return by_table(job, [](float x) { return std::round(x); });
}
Codes tabulated_half_even(const CodedJob& job) {
  return by_table(job, [](float x) { return std::nearbyint(x); });
}

Codes softmax_16(const CodedJob& job) {
  static const Table16 kExp([](double x) { return std::exp(x); }, -10, 0);
  static const Table16 kInverse([](double x) { return 1 / (1 + x); }, 0, 1);
  const double beta = wide(static_cast<float>(vector_alpha(job.op)));
  const FixedPointMultiplier steps =
      fixed_point_multiplier(wide(job.scale(0)) * beta / (10.0 / 65535));
  const std::int64_t n = job.op.cols;
  if (n > INT32_MAX / INT16_MAX)
    throw input_error(fmt::format("softmax: rows of {} int16 overflow the kernel's sum", n));
  Codes y(job.inputs[0].size());
  for (std::int64_t r = 0; r < job.op.rows; ++r) {
    check_interrupt_after(16 * n);
    const std::int32_t* x = &job.inputs[0][at(r * n)];
    std::int32_t* row = &y[at(r * n)];
    const std::int32_t most = *std::max_element(x, x + n);
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t scaled = fixed_point_product(job.mode, x[i] - most, steps);
      sum += row[i] = kExp(saturated_16(scaled + INT16_MAX));
    }
    // The sum as 1 + a with a in [0, 1), its inverse by the table.
    const int zeros = __builtin_clz(static_cast<std::uint32_t>(sum));
    const std::int64_t leading = ((sum << (zeros - 1)) + (1 << 13)) >> 14;
    const std::int64_t inverse = kInverse(saturated_16(leading - (1 << 15) - (1 << 16)));
    const int shift = 31 - zeros;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t share = (row[i] * inverse + (std::int64_t{1} << (shift - 1))) >> shift;
      row[i] = static_cast<std::int32_t>(std::clamp<std::int64_t>(share, 0, INT16_MAX));
    }
  }
  return y;
}

}  // namespace bitjoule
