// Quantities as types, so that cycles are never added to bytes.
#pragma once

#include <cstdint>

namespace bitjoule {

/// A 64-bit amount of one unit. Arithmetic stays within the unit; `value` leaves it on purpose.
template <class Tag, class Rep = std::int64_t>
struct Quantity {
  Rep value{};

  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep v) : value(v) {}

  constexpr Quantity& operator+=(Quantity o) { return value += o.value, *this; }
  constexpr Quantity& operator-=(Quantity o) { return value -= o.value, *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value + b.value);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value - b.value);
  }
  friend constexpr Quantity operator*(Quantity a, Rep n) { return Quantity(a.value * n); }
  friend constexpr Quantity operator*(Rep n, Quantity a) { return Quantity(a.value * n); }
  friend constexpr bool operator==(Quantity a, Quantity b) { return a.value == b.value; }
  friend constexpr bool operator!=(Quantity a, Quantity b) { return a.value != b.value; }
  friend constexpr bool operator<(Quantity a, Quantity b) { return a.value < b.value; }
  friend constexpr bool operator<=(Quantity a, Quantity b) { return a.value <= b.value; }
  friend constexpr bool operator>(Quantity a, Quantity b) { return a.value > b.value; }
  friend constexpr bool operator>=(Quantity a, Quantity b) { return a.value >= b.value; }
};

using Cycles = Quantity<struct CyclesTag>;              // edges of one stated clock
using Bytes = Quantity<struct BytesTag>;                //
using Bits = Quantity<struct BitsTag>;                  //
using Hertz = Quantity<struct HertzTag>;                // clock frequency
using Femtoseconds = Quantity<struct FemtosecondsTag>;  // the resolution of simulated time
using BytesPerSecond = Quantity<struct BytesPerSecondTag>;
using Nanometers = Quantity<struct NanometersTag>;
using Picojoules = Quantity<struct PicojoulesTag, double>;
using Milliwatts = Quantity<struct MilliwattsTag, double>;  // 1 mW is 1 pJ per ns
using SquareMicrometres = Quantity<struct SquareMicrometresTag, double>;
using Volts = Quantity<struct VoltsTag, double>;

/// Real quantities of configurations are at most this, in the unit that they are kept in.
inline constexpr double kMaxReal = 1e12;

/// ceil(a / b) for a >= 0, b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace bitjoule
