// Where the core cycles of a run went: every cycle has exactly one cause.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>

#include "core/units.h"

namespace bitjoule {

enum class Cause {
  kArrayBusy,    ///< a step of operands enters the array
  kWeightLoad,   ///< a row of the stationary operand enters, and no step does
  kFillDrain,    ///< operands or results are still under way in the array
  kDramRead,     ///< the next tile waits for its operands
  kDramWrite,    ///< the next tile waits for results to reach DRAM
  kDequantizer,  ///< the dequantizer's lanes or latency hold the array back
  kOutput,       ///< the output unit or the accumulator ports hold the array back
  kBufferPort,   ///< a buffer's ports hold the array back
  kVector,       ///< the vector unit works and the array cannot
  kIdle,         ///< nothing is left to do but the machine's own latency
};
inline constexpr std::size_t kCauses = 10;

/// The name used in results, e.g. "array_busy".
const char* cause_name(Cause cause);

/// Cycles per cause; their sum is the length of the run.
struct StallBreakdown {
  std::array<std::int64_t, kCauses> cycles{};

  std::int64_t& operator[](Cause c) { return cycles[static_cast<std::size_t>(c)]; }
  std::int64_t operator[](Cause c) const { return cycles[static_cast<std::size_t>(c)]; }
  std::int64_t total() const;
  StallBreakdown& operator+=(const StallBreakdown& other);
  StallBreakdown& operator*=(std::int64_t n);
};

/// What most cycles went to: "compute" (the array's own work), "dram", "dequantizer" or "vector".
const char* bound_name(const StallBreakdown& stalls);

/// Attributes the cycles of one run in order of time. The array covers intervals with causes of its
/// own; the gaps between them are filled from a log of why the next tile could not start.
class Attribution {
 public:
  /// From cycle `now` on, the next tile waits because of `cause`. Calls come in order of time.
  void wait(Cycles now, Cause cause);
  /// The array accounts for the `n` cycles that follow what is attributed so far.
  void cover(Cause cause, std::int64_t n) {
    breakdown_[cause] += n;
    if (listener_ && n > 0) listener_(covered_, n, cause);
    covered_ += Cycles(n);
  }
  /// Attributes the cycles up to `end` from the log of waits.
  void fill(Cycles end);
  /// Called for every stretch of cycles of one cause, in order of time.
  using Listener = std::function<void(Cycles begin, std::int64_t cycles, Cause cause)>;
  void listen(Listener listener) { listener_ = std::move(listener); }
  Cycles covered() const { return covered_; }
  const StallBreakdown& breakdown() const { return breakdown_; }

 private:
  struct Change {
    Cycles at;
    Cause cause;
  };
  std::deque<Change> log_;
  Cause current_ = Cause::kIdle;
  Cycles covered_{0};
  Listener listener_;
  StallBreakdown breakdown_;
};

}  // namespace bitjoule
