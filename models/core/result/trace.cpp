#include "core/result/trace.h"

#include <algorithm>

namespace bitjoule {

std::vector<SignalChange> Trace::sorted_changes() const {
  std::vector<SignalChange> sorted = changes_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const SignalChange& a, const SignalChange& b) { return a.at < b.at; });
  return sorted;
}

}  // namespace bitjoule
