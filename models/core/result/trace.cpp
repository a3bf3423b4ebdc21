#include "core/result/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {

const std::vector<SignalChange>& Trace::sorted_changes() {
  std::stable_sort(changes_.begin(), changes_.end(),
                   [](const SignalChange& a, const SignalChange& b) { return a.at < b.at; });
  return changes_;
}

void Trace::refuse() const {
  throw input_error(
      fmt::format("waveform: the signals change more than {} times, by cycle {} alone; trace a "
                  "smaller layer or "
                  "array, or the fast fidelity, which has no registers of PEs",
                  max_changes_, changes_.back().at.value));
}

}  // namespace bitjoule
