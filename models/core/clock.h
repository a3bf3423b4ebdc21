// Exact clock domains: integer arithmetic only, so that two clocks never drift against each other.
#pragma once

#include <cstdint>

#include "core/units.h"

namespace bitjoule {

/// A clock whose period is the rational `numerator / denominator` femtoseconds. Edge n lies at
/// floor(n * period): each edge is rounded down on its own, so errors do not accumulate.
class Clock {
 public:
  static constexpr Clock from_frequency(Hertz f) { return Clock(1'000'000'000'000'000, f.value); }
  static constexpr Clock from_period(Femtoseconds t) { return Clock(t.value, 1); }

  constexpr Femtoseconds edge(Cycles n) const {
    return Femtoseconds(whole_ != 0 ? n.value * whole_
                                    : static_cast<std::int64_t>(wide(n.value) * num_ / den_));
  }
  /// The first edge at or after `t`, for t >= 0.
  constexpr Cycles at_or_after(Femtoseconds t) const {
    if (whole_ != 0) return Cycles((t.value + whole_ - 1) / whole_);
    // floor(n * num / den) >= t  <=>  n * num >= t * den
    return Cycles(static_cast<std::int64_t>((wide(t.value) * den_ + num_ - 1) / num_));
  }
  /// Seconds taken by `n` cycles (for reports only).
  constexpr double seconds(Cycles n) const {
    return static_cast<double>(n.value) * (static_cast<double>(num_) / static_cast<double>(den_)) *
           1e-15;
  }

 private:
  __extension__ using wide = __int128;
  constexpr Clock(std::int64_t num, std::int64_t den)
      : num_(num), den_(den), whole_(num % den == 0 ? num / den : 0) {}

  std::int64_t num_, den_;
  std::int64_t whole_;  // the period when it is a whole number of femtoseconds: the fast path
};

/// A clock that is mostly asked about one period or the one after it: spares the divisions.
class ClockCursor {
 public:
  explicit ClockCursor(const Clock& clock) : clock_(clock) { move_to(Cycles(0)); }

  Femtoseconds edge(Cycles n) const { return n == cycle_ ? edge_ : clock_.edge(n); }
  Cycles at_or_after(Femtoseconds t) {
    if (t <= edge_ && t > previous_) return cycle_;
    if (t > edge_ && t <= next_) {
      cycle_ += Cycles(1);
      previous_ = edge_;
      edge_ = next_;
      next_ = clock_.edge(cycle_ + Cycles(1));
    } else {
      move_to(clock_.at_or_after(t));
    }
    return cycle_;
  }
  const Clock& clock() const { return clock_; }

 private:
  void move_to(Cycles n) {
    cycle_ = n;
    previous_ = n.value == 0 ? Femtoseconds(-1) : clock_.edge(n - Cycles(1));
    edge_ = clock_.edge(n);
    next_ = clock_.edge(n + Cycles(1));
  }

  Clock clock_;
  Cycles cycle_{0};
  Femtoseconds previous_{-1}, edge_{0}, next_{0};  // of the cycles before, at and after cycle_
};

}  // namespace bitjoule
