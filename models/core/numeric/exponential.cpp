#include "core/numeric/exponential.h"

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// Added to a double below 2^51 it leaves an integer, rounded half to even, in the last bits.
constexpr double kExponentRound = 6755399441055744.0;  // 1.5 * 2^52
constexpr double kLog2OfE = 0x1.71547652b82fep+0;
// ln 2 as a number of 32 bits, whose products with exponents are exact, and the rest.
constexpr double kLn2 = 0x1.62e42feep-1, kLn2Rest = 0x1.a39ef35793c76p-33;
// Beyond, results are 0 and infinity.
constexpr double kLeastPower = -746, kMostPower = 710;

/// 2^n of an n that kExponentRound has been added to.
BITJOULE_INLINE double two_to(double shifted) {
  return double_of((bits_of(shifted) << 52) + bits_of(1.0));
}

/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r is its Taylor series up to r^13, the rest of which is
/// below 2^-57. Two powers of two, since 2^n alone may be beyond the range.
BITJOULE_INLINE double exponential_of(double x) {
  x = select(x < kLeastPower, kLeastPower, x);
  x = select(x > kMostPower, kMostPower, x);
  const double n = (x * kLog2OfE + kExponentRound) - kExponentRound;
  const double r = (x - n * kLn2) - n * kLn2Rest;
  const double r2 = r * r, r4 = r2 * r2;
  const double low = (1.0 / 2 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120));
  const double middle = (1.0 / 720 + r * (1.0 / 5040)) + r2 * (1.0 / 40320 + r * (1.0 / 362880));
  const double high =
      (1.0 / 3628800 + r * (1.0 / 39916800)) + r2 * (1.0 / 479001600 + r * (1.0 / 6227020800));
  const double y = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)));
  const double half = n * 0.5 + kExponentRound;
  return y * two_to(half) * two_to((n - (half - kExponentRound)) + kExponentRound);
}

/// Whole vectors alone: what is left of a row is filled up to some, as one number takes as long.
template <class T>
BITJOULE_INLINE void exponentiate_all(T* values, std::int64_t n) {
  constexpr std::int64_t kTogether = 16;
  const std::int64_t whole = n / kTogether * kTogether;
  for (std::int64_t i = 0; i < whole; ++i)
    values[i] = static_cast<T>(exponential_of(static_cast<double>(values[i])));
  if (whole == n) return;
  T rest[kTogether] = {};
  for (std::int64_t i = whole; i < n; ++i) rest[i - whole] = values[i];
  for (std::int64_t i = 0; i < kTogether; ++i)
    rest[i] = static_cast<T>(exponential_of(static_cast<double>(rest[i])));
  for (std::int64_t i = whole; i < n; ++i) values[i] = rest[i - whole];
}

}  // namespace

BITJOULE_VECTORIZE_WIDELY void exponentiate(double* values, std::int64_t n) {
  exponentiate_all(values, n);
}

BITJOULE_VECTORIZE_WIDELY void exponentiate(float* values, std::int64_t n) {
  exponentiate_all(values, n);
}

}  // namespace bitjoule
