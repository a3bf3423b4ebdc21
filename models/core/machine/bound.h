// What one would have to enlarge to make a run faster: one definition for all who name a bound.
#pragma once

#include <string>
#include <string_view>

#include "core/machine/machine.h"
#include "core/machine/stalls.h"

namespace bitjoule {

/// A share of a run's cycles from which on what works so long is what holds the run up.
inline constexpr double kBoundShare = 0.9;

/// What a bound and its advice are told from. That of several layers is the sum of theirs.
struct BoundEvidence {
  StallBreakdown held;  ///< the cycles by what one would have to enlarge: Attribution::held
  StallBreakdown dma;   ///< cycles in which transfers were under way, by what held them
  std::int64_t macs = 0, mac_slots = 0;  ///< done, and possible in the steps of the whole array
  // Of the cycles in which steps or rows enter (array_work), those of layers ...
  std::int64_t more_rows = 0;  ///< ... for which an array of more rows has fewer folds
  std::int64_t more_cols = 0;  ///< ... of more columns
  std::int64_t narrower = 0;  ///< ... for which more MACs per PE, or narrower ones, have less to do
  std::int64_t inputs_stay = 0;      ///< ... on whose array inputs stay
  Overlap overlap = Overlap::kFull;  ///< the machine's

  std::int64_t array_work() const { return held[Cause::kArrayBusy] + held[Cause::kWeightLoad]; }
  /// Of layers on the same machine.
  BoundEvidence& operator+=(const BoundEvidence& other);
  BoundEvidence& operator*=(std::int64_t n);
};

/// Whatever is in use for 90 % of the cycles bounds the run: the array ("compute"), the DRAM
/// ("dram") or the DMA ("dma_window", "dma_rate"); of several the one that is used most. Where
/// nothing is, what holds most cycles does, by the name of its cause, but "dram" for
/// dram_read + dram_write and "compute" for array_busy.
const char* bound_name(const BoundEvidence& evidence);
/// What one would have to enlarge, in words.
std::string bound_advice(std::string_view bound, const BoundEvidence& evidence);

}  // namespace bitjoule
