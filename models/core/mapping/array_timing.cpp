#include "core/mapping/array_timing.h"

#include <algorithm>

namespace bitjoule {
namespace {

/// Covers the part [begin, end) of a window of intervals: in the last cycle of an interval a row or
/// step enters, in the others the array waits for it.
void cover_intervals(std::int64_t begin, std::int64_t end, std::int64_t interval, Cause entry,
                     Cause wait, Cause holds, Attribution& attribution) {
  if (begin >= end) return;
  const std::int64_t entries = end / interval - begin / interval;
  attribution.cover(entry, holds, entries);
  attribution.cover(wait, holds, end - begin - entries);
}

}  // namespace

FoldTimes ArrayTimeline::issue(std::int64_t ready, const Fold& fold, Attribution* attribution) {
  FoldTimes t;
  t.load_begin = std::max(ready, next_issue());
  // The dequantizer is a pipeline that runs ahead of the array: its latency counts from the moment
  // the operands are there, not from fold to fold.
  t.rows_begin = std::max(t.load_begin, fold.load_rows > 0 ? ready + rates_.load_latency : 0);
  t.load_end =
      std::max(t.rows_begin + fold.load_rows * rates_.load_interval, ready + rates_.stream_latency);
  const std::int64_t stream = fold.steps * rates_.stream_interval;
  const bool waits = overlap_ == Overlap::kNone || overlap_ == Overlap::kWeights;
  t.stream_begin = std::max(t.load_end, waits ? end_ : last_.stream_end);
  // Results leave a column at the last row in use. They leave in order: those of a fold with fewer
  // rows than the one ahead may not be there before its last.
  const std::int64_t shorter = std::max<std::int64_t>(0, rows_ - fold.rows);
  const std::int64_t in_order = last_.stream_end + shorter - (fold.drains ? stream : 0);
  t.undrained_begin = t.shifted_begin = t.stream_begin = std::max(t.stream_begin, in_order);
  if (fold.drains) {  // ... and only then may they enter the drain registers
    t.shifted_begin = std::max(t.undrained_begin, in_order + rows_);
    t.stream_begin = std::max(t.undrained_begin, in_order + rates_.drain(rows_, true));
  }
  t.stream_end = t.stream_begin + stream;
  t.end = t.stream_end + fold.rows + fold.cols - 2;
  t.out_end = t.end + rates_.drain(fold.rows, fold.drains);
  if (attribution != nullptr) attribute(t, fold, *attribution);
  last_ = t;
  end_ = std::max(end_, t.end);
  out_end_ = std::max(out_end_, t.out_end);
  shifted_end_ = std::max(shifted_end_, t.end + (fold.drains ? fold.rows : 1));
  rows_ = fold.rows;
  return t;
}

void ArrayTimeline::resume(std::int64_t now, const Phase& phase) {
  last_.stream_begin = now;
  last_.stream_end = now + phase.stream_end;
  end_ = now + phase.end;
  out_end_ = now + phase.out_end;
  rows_ = phase.rows;
}

void ArrayTimeline::attribute(const FoldTimes& t, const Fold& fold,
                              Attribution& attribution) const {
  attribution.gap(Cycles(end_), Cycles(next_issue()), Cycles(t.load_begin));
  // The load, as far as the stream ahead does not hide it: latency, rows, and what latency is left.
  attribution.cover_until(t.rows_begin, Cause::kDequantizer, Cause::kDequantizer);
  const std::int64_t rows_end = t.rows_begin + fold.load_rows * rates_.load_interval;
  cover_intervals(attribution.covered().value - t.rows_begin, rows_end - t.rows_begin,
                  rates_.load_interval, Cause::kWeightLoad, rates_.load_cause, rates_.load_holds(),
                  attribution);
  attribution.cover_until(t.load_end, Cause::kDequantizer, Cause::kDequantizer);
  attribution.cover_until(t.undrained_begin, Cause::kFillDrain, Cause::kFillDrain);
  attribution.cover_until(t.shifted_begin, Cause::kFillDrain, rates_.drain_holds());
  attribution.cover_until(t.stream_begin, Cause::kOutput, rates_.drain_holds());
  cover_intervals(0, t.stream_end - t.stream_begin, rates_.stream_interval, Cause::kArrayBusy,
                  rates_.stream_cause, rates_.stream_holds(), attribution);
}

void ArrayTimeline::drain(Attribution& attribution) const {
  attribution.cover_until(end_, Cause::kFillDrain, Cause::kFillDrain);
  attribution.cover_until(shifted_end_, Cause::kFillDrain, rates_.drain_holds());
  attribution.cover_until(out_end_, Cause::kOutput, rates_.drain_holds());
}

}  // namespace bitjoule
