#include "hw/buffer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {

std::int64_t BufferLevel::peak_bytes(const std::string& name, Bytes capacity, Trace* trace) {
  // What is given up in a cycle makes room for what arrives in it.
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return a.at != b.at ? a.at < b.at : a.bits < b.bits;
  });
  std::int32_t signal = 0;
  if (trace != nullptr) signal = trace->add_counter(name + ".level_bytes", 32);
  std::int64_t level = 0, peak = 0;
  for (const Change& change : changes_) {
    level += change.bits;
    peak = std::max(peak, level);
    if (trace != nullptr) trace->change(signal, change.at, ceil_div(level, 8));
  }
  const std::int64_t peak_bytes = ceil_div(peak, 8);
  if (level != 0 || peak_bytes > capacity.value)
    throw internal_error(fmt::format("{} of {} B: held {} B at most, and {} bits at the end", name,
                                     capacity.value, peak_bytes, level));
  return peak_bytes;
}

Buffer::Buffer(sc_core::sc_module_name name) : sc_module(name), port("port") { port.bind(*this); }

void Buffer::start(const BufferConfig& config) {
  config_ = config;
  counts_ = {};
  level_.clear();
}

std::int64_t Buffer::accesses(Bits bits) const {
  return ceil_div(bits.value, config_.port_width.value);
}

void Buffer::access(const BufferCounts& done) {
  counts_.reads += done.reads;
  counts_.writes += done.writes;
}

BufferCounts Buffer::finish(Trace* trace) {
  counts_.peak_bytes = level_.peak_bytes(basename(), config_.capacity, trace);
  return counts_;
}

}  // namespace bitjoule
