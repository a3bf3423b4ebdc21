// The timing of folds on the array in closed form: docs/timing.md, "A fold", states the same terms.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/machine/machine.h"
#include "core/machine/stalls.h"
#include "core/units.h"

namespace bitjoule {

/// How fast operands reach the array: fixed for a layer. An interval of n means one row, step or
/// result every n cycles; it enters in the last cycle of its interval.
struct ArrayRates {
  std::int64_t load_interval = 1;           ///< cycles per row of the stationary operand
  std::int64_t stream_interval = 1;         ///< cycles per step
  std::int64_t drain_interval = 1;          ///< cycles per row of results written
  std::int64_t load_latency = 0;            ///< dequantizer latency ahead of a stationary load
  std::int64_t stream_latency = 0;          ///< dequantizer latency ahead of a stream
  Cause load_cause = Cause::kBufferPort;    ///< what makes load_interval exceed 1
  Cause stream_cause = Cause::kBufferPort;  ///< what makes stream_interval exceed 1

  // Whose a whole interval is: with one of 1, the array's own.
  Cause load_holds() const { return load_interval > 1 ? load_cause : Cause::kWeightLoad; }
  Cause stream_holds() const { return stream_interval > 1 ? stream_cause : Cause::kArrayBusy; }
  Cause drain_holds() const { return drain_interval > 1 ? Cause::kOutput : Cause::kFillDrain; }

  /// Cycles from the last MAC of a fold to the write of its last result: `rows` shifts where
  /// outputs stay, else the one row that the feet of the columns hold then.
  std::int64_t drain(std::int64_t rows, bool shifts) const {
    return drain_interval * (shifts ? rows : 1);
  }
};

/// One fold: a stationary load of `load_rows`, then `steps` steps through `rows` x `cols` PEs.
struct Fold {
  std::int64_t rows = 1, cols = 1;  ///< of the array, as far as they take part in the timing
  std::int64_t load_rows = 0;       ///< rows of the stationary operand; 0 when outputs stay
  std::int64_t steps = 1;
  bool drains = false;  ///< output-stationary: results leave through `rows` shifts per column
};

/// Core cycles of one fold; each `end` is the first cycle after.
struct FoldTimes {
  std::int64_t load_begin = 0, load_end = 0;
  std::int64_t rows_begin =
      0;  ///< the first row's interval begins: the dequantizer's latency is over
  std::int64_t stream_begin = 0, stream_end = 0;
  /// When the stream could begin if the results ahead left at once, or one row of them per cycle.
  std::int64_t undrained_begin = 0, shifted_begin = 0;
  std::int64_t end = 0;      ///< the last MAC is done
  std::int64_t out_end = 0;  ///< the last result is in the accumulators
};

/// Carries the array's state from fold to fold, and says when each runs and how its cycles are
/// attributed. Used by the fast array and by the estimates; the PE-level array shares no code with
/// it.
class ArrayTimeline {
 public:
  ArrayTimeline(Overlap overlap, const ArrayRates& rates) : overlap_(overlap), rates_(rates) {}

  /// The earliest cycle at which the next fold may be issued, given what runs.
  std::int64_t next_issue() const {
    return overlap_ == Overlap::kNone    ? end_
           : overlap_ == Overlap::kDrain ? last_.stream_end
                                         : last_.stream_begin;
  }

  /// Runs a fold whose operands are in the buffers from cycle `ready` on. Where `attribution` is
  /// given, it is told of every cycle up to the end of the fold's stream.
  FoldTimes issue(std::int64_t ready, const Fold& fold, Attribution* attribution = nullptr);

  /// Attributes what is under way in the array after the last stream.
  void drain(Attribution& attribution) const;

  /// What the state is but for the time, counted from the begin of the last stream. From equal ones
  /// on equal folds take equal times, once `ready` and the latencies behind it are past.
  struct Phase {
    std::int64_t stream_end = 0, end = 0, out_end = 0, rows = 0;
    friend bool operator==(const Phase& a, const Phase& b) {
      return a.stream_end == b.stream_end && a.end == b.end && a.out_end == b.out_end &&
             a.rows == b.rows;
    }
  };
  std::int64_t now() const { return last_.stream_begin; }
  Phase phase() const { return {last_.stream_end - now(), end_ - now(), out_end_ - now(), rows_}; }
  /// Goes on from a phase, reached at `now`. Causes of cycles are not told from there on.
  void resume(std::int64_t now, const Phase& phase);
  /// No latency of the dequantizer that begins at cycle 0 or before reaches beyond this.
  std::int64_t latency() const { return std::max(rates_.load_latency, rates_.stream_latency); }

  const FoldTimes& last() const { return last_; }
  /// The last MAC of all folds so far is done.
  std::int64_t end() const { return end_; }
  /// The last result of all folds so far is in the accumulators.
  std::int64_t out_end() const { return out_end_; }

 private:
  /// `times` of the next fold, before the state becomes its own.
  void attribute(const FoldTimes& times, const Fold& fold, Attribution& attribution) const;

  Overlap overlap_;
  ArrayRates rates_;
  FoldTimes last_;
  std::int64_t end_ = 0,
               out_end_ = 0;      // of all folds: a small one may end before a large one ahead
  std::int64_t shifted_end_ = 0;  // out_end_ if one row of results left per cycle
  std::int64_t rows_ = 0;         // of the last fold
};

}  // namespace bitjoule
