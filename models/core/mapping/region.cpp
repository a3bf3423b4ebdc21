#include "core/mapping/region.h"

#include <algorithm>

#include "core/units.h"

namespace bitjoule {
namespace {

/// Calls f(first bit) for every run.
template <class F>
void for_each_run(const Region& r, F f) {
  for (std::int64_t i = 0; i < r.strides[0].count; ++i)
    for (std::int64_t j = 0; j < r.strides[1].count; ++j)
      for (std::int64_t k = 0; k < r.strides[2].count; ++k)
        f(r.base_bits + i * r.strides[0].bits + j * r.strides[1].bits + k * r.strides[2].bits);
}

bool byte_aligned(const Region& r) {
  bool aligned = r.base_bits % 8 == 0;
  for (const Region::Stride& s : r.strides) aligned = aligned && (s.count == 1 || s.bits % 8 == 0);
  return aligned;
}

}  // namespace

std::int64_t Region::bytes() const {
  if (empty()) return 0;
  if (byte_aligned(*this)) return runs() * ceil_div(run_bits, 8);
  std::int64_t total = 0;
  for_each_run(*this, [&](std::int64_t bit) { total += ceil_div(bit + run_bits, 8) - bit / 8; });
  return total;
}

void Region::merge() {
  // From the innermost stride outwards: a stride as long as the run continues it.
  for (std::size_t i = strides.size(); i-- > 0;) {
    Stride& s = strides[i];
    if (s.count == 1) continue;
    if (s.bits != run_bits) return;
    run_bits *= s.count;
    s = Stride{};
  }
}

std::int64_t bursts_of(const Region& r, std::int64_t burst_bytes) {
  if (r.empty()) return 0;
  const std::int64_t burst_bits = burst_bytes * 8;
  std::int64_t total = 0;
  for_each_run(r, [&](std::int64_t bit) {
    total += (bit + r.run_bits - 1) / burst_bits - bit / burst_bits + 1;
  });
  return total;
}

RequestCursor::RequestCursor(const Region& region, RequestSize size)
    : region_(region), size_(size) {
  if (!region.empty()) start_run();
}

void RequestCursor::start_run() {
  std::int64_t bit = region_.base_bits;
  for (std::size_t i = 0; i < index_.size(); ++i) bit += index_[i] * region_.strides[i].bits;
  burst_ = bit / (size_.burst_bytes * 8);
  last_burst_ = (bit + region_.run_bits - 1) / (size_.burst_bytes * 8);
  cut();
}

/// What is left of the run, up to the next multiple of a whole request.
void RequestCursor::cut() {
  bursts_ = std::min(last_burst_ + 1 - burst_, size_.bursts - burst_ % size_.bursts);
}

void RequestCursor::next() {
  burst_ += bursts_;
  if (burst_ <= last_burst_) return cut();
  for (std::size_t i = index_.size(); i-- > 0;) {
    if (++index_[i] < region_.strides[i].count) return start_run();
    index_[i] = 0;
  }
  bursts_ = 0;
}

}  // namespace bitjoule
