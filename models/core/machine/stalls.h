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
  kDramRead,     ///< the next tile waits for its operands: the memory's bandwidth is used
  kDramWrite,    ///< the next tile waits for results to reach DRAM: likewise
  kDequantizer,  ///< the dequantizer's lanes or latency hold the array back
  kOutput,       ///< the output unit or the accumulator ports hold the array back
  kBufferPort,   ///< a buffer's ports hold the array back
  kVector,       ///< the vector unit works and the array cannot
  kIdle,         ///< nothing is left to do but the machine's own latency
  // Waits for operands or results where the memory could serve more:
  kDmaWindow,    ///< all requests that may be outstanding are, and more wait to be sent
  kDmaRate,      ///< as many requests leave per cycle as may
  kDramLatency,  ///< what is asked for is too little to cover the time of an access
};
inline constexpr std::size_t kCauses = 13;

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

/// Attributes the cycles of one run in order of time. The array covers intervals with causes of its
/// own; the gaps between them are filled from a log of why the next tile could not start.
class Attribution {
 public:
  /// What the array leaves between two folds: cycles up to `begin`, in which the second one starts.
  /// Where it could have started in `allowed`, its operands or a place for its results came last,
  /// and the log says which; else the array held it, until `array_end` by what was under way in it.
  void gap(Cycles array_end, Cycles allowed, Cycles begin);

  /// What held each transfer of a kind up, in the order of their tokens: told by the DMA, taken by
  /// the sequencer when it sees the token.
  enum class Transfers { kInputs, kWeights, kResults };
  void transferred(Transfers kind, Cause cause) { transfers_[index(kind)].push_back(cause); }
  Cause take(Transfers kind, Cause otherwise);
  /// The waits because of `was` that were logged since the last call were because of `is`.
  void resolve(Cause was, Cause is);

  /// From cycle `now` on, the next tile waits because of `cause`. Calls come in order of time.
  void wait(Cycles now, Cause cause);
  /// The array accounts for the `n` cycles that follow what is attributed so far.
  void cover(Cause cause, std::int64_t n) { cover(cause, cause, n); }
  /// ... where `holds` is what one would have to enlarge for fewer of them: of a row, step or
  /// result that enters or leaves less often than every cycle, what sets its interval.
  void cover(Cause cause, Cause holds, std::int64_t n) {
    breakdown_[cause] += n;
    held_[holds] += n;
    if (listener_ && n > 0) listener_(covered_, n, cause);
    covered_ += Cycles(n);
  }
  /// ... the cycles up to `end`, where any are left.
  void cover_until(std::int64_t end, Cause cause, Cause holds) {
    if (covered_.value < end) cover(cause, holds, end - covered_.value);
  }
  /// Attributes the cycles up to `end` from the log of waits.
  void fill(Cycles end);
  /// Called for every stretch of cycles of one cause, in order of time.
  using Listener = std::function<void(Cycles begin, std::int64_t cycles, Cause cause)>;
  void listen(Listener listener) { listener_ = std::move(listener); }
  Cycles covered() const { return covered_; }
  const StallBreakdown& breakdown() const { return breakdown_; }
  /// The same cycles by what one would have to enlarge.
  const StallBreakdown& held() const { return held_; }

 private:
  struct Change {
    Cycles at;
    Cause cause;
  };
  static std::size_t index(Transfers kind) { return static_cast<std::size_t>(kind); }
  /// The cause at the cycle that is to be covered next, and the cycle up to which it holds.
  Cycles advance(Cycles end);

  std::deque<Change> log_;
  std::size_t popped_ = 0;    ///< entries that have left log_
  std::size_t resolved_ = 0;  ///< entries that resolve() has seen
  std::array<std::deque<Cause>, 3> transfers_;
  Cause current_ = Cause::kIdle;
  Cycles covered_{0};
  Listener listener_;
  StallBreakdown breakdown_, held_;
};

}  // namespace bitjoule
