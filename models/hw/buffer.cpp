#include "hw/buffer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {

Buffer::Buffer(sc_core::sc_module_name name, const BufferConfig& config)
    : sc_module(name), port("port"), config_(config) {
  port.bind(*this);
}

void Buffer::start() {
  counts_ = {};
  changes_.clear();
}

std::int64_t Buffer::accesses(Bits bits) const {
  return ceil_div(bits.value, config_.port_width.value);
}

void Buffer::access(const BufferCounts& done) {
  counts_.reads += done.reads;
  counts_.writes += done.writes;
}

BufferCounts Buffer::finish(Trace* trace) {
  // What is given up in a cycle makes room for what arrives in it.
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return a.at != b.at ? a.at < b.at : a.bits < b.bits;
  });
  std::int32_t signal = 0;
  if (trace != nullptr) signal = trace->add_signal(std::string(basename()) + ".level_bytes", 32);
  std::int64_t level = 0, peak = 0;
  for (const Change& change : changes_) {
    level += change.bits;
    peak = std::max(peak, level);
    if (trace != nullptr) trace->change(signal, change.at, ceil_div(level, 8));
  }
  counts_.peak_bytes = ceil_div(peak, 8);
  if (level != 0 || counts_.peak_bytes > config_.capacity.value)
    throw internal_error(fmt::format("{} of {} B: held {} B at most, and {} bits at the end",
                                     basename(), config_.capacity.value, counts_.peak_bytes,
                                     level));
  return counts_;
}

}  // namespace bitjoule
