// The core's clock inside one epoch: cycle 0 is where the layer starts.
#pragma once

#include <systemc>

#include "core/clock.h"
#include "hw/time.h"

namespace bitjoule {

class CoreClock {
 public:
  explicit CoreClock(Hertz frequency) : cursor_(Clock::from_frequency(frequency)) {
    use_femtosecond_resolution();
  }

  void begin_epoch() { epoch_ = to_femtoseconds(sc_core::sc_time_stamp()); }
  /// Cycle whose edge is now; only called at edges of this clock.
  Cycles now() const { return at_or_after(to_femtoseconds(sc_core::sc_time_stamp())); }
  /// The first edge at or after an absolute time.
  Cycles at_or_after(Femtoseconds t) const { return cursor_.at_or_after(t - epoch_); }
  /// Absolute time of an edge.
  Femtoseconds time_of(Cycles n) const { return epoch_ + cursor_.edge(n); }
  /// From now to an edge that is not in the past.
  sc_core::sc_time until(Cycles n) const {
    return to_sc_time(time_of(n)) - sc_core::sc_time_stamp();
  }
  double seconds(Cycles n) const { return cursor_.clock().seconds(n); }

 private:
  mutable ClockCursor cursor_;
  Femtoseconds epoch_{0};
};

}  // namespace bitjoule
