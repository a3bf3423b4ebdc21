#include "core/mapping/region.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/index.h"
#include "core/units.h"

namespace bitjoule {
namespace {

/// How many runs begin at each place in a burst. All places are `offset` beyond multiples of
/// `unit`.
class Places {
 public:
  Places(std::int64_t first, std::int64_t unit, std::int64_t burst)
      : unit_(unit), offset_(first % unit), counts_(at(burst / unit)), moved_(counts_) {
    counts_[at(first % burst / unit)] = 1;
  }

  /// Every run once at each of `count` multiples of `stride`, from 0 on.
  void repeat(std::int64_t count, std::int64_t stride) {
    const auto places = static_cast<std::int64_t>(counts_.size());
    const std::int64_t step = stride / unit_ % places;
    // Places that can be reached from one another lie on a ring of `length`.
    const std::int64_t rings = std::gcd(step, places), length = places / rings;
    const std::int64_t rounds = count / length, rest = count % length;
    for (std::int64_t ring = 0; ring < rings; ++ring) {
      std::int64_t total = 0, window = 0;  // of the ring; of the `rest` places up to this one
      std::int64_t last = ring;            // the place that leaves the window next
      for (std::int64_t i = 0, place = ring; i < length; ++i, place = (place + step) % places) {
        total += counts_[at(place)];
        if (i >= length - rest) window += counts_[at(place)];
        if (i == length - rest) last = place;
      }
      for (std::int64_t i = 0, place = ring; i < length; ++i, place = (place + step) % places) {
        if (rest > 0) {
          window += counts_[at(place)] - counts_[at(last)];
          last = (last + step) % places;
        }
        moved_[at(place)] = rounds * total + window;
      }
    }
    counts_.swap(moved_);
  }

  /// Calls f(bits from the begin of a burst, number of runs).
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (counts_[i] != 0) f(offset_ + static_cast<std::int64_t>(i) * unit_, counts_[i]);
  }

 private:
  std::int64_t unit_, offset_;
  std::vector<std::int64_t> counts_, moved_;
};

// So few runs are visited one by one in less time than all places in a burst.
constexpr std::int64_t kFewRuns = 32;

/// Calls f(bits from the begin of a burst) for every run, at most kFewRuns of them.
template <class S, class F>
void for_each_run(std::int64_t first, std::int64_t burst, S each_stride, F f) {
  std::array<std::int64_t, kFewRuns> begins{};
  begins[0] = first;
  std::size_t runs = 1;
  each_stride([&](const Region::Stride& s) {
    if (s.bits % burst == 0) return;
    const std::size_t before = runs;
    for (std::int64_t copy = 1; copy < s.count; ++copy)
      for (std::size_t i = 0; i < before; ++i) begins[runs++] = (begins[i] + copy * s.bits) % burst;
  });
  for (std::size_t i = 0; i < runs; ++i) f(begins[i]);
}

}  // namespace

Moved moved(const Region& r, const Copies& copies, std::int64_t burst_bytes) {
  Moved all;
  if (r.empty()) return all;
  const std::int64_t burst = burst_bytes * 8;
  const auto each_stride = [&](auto f) {
    for (const Region::Stride& s : r.strides)
      if (s.count > 1) f(s);
    for (const Region::Stride& s : copies)
      if (s.count > 1) f(s);
  };
  const auto add = [&](std::int64_t from, std::int64_t runs) {
    const std::int64_t end = from + r.run_bits;
    all.bytes += runs * (ceil_div(end, 8) - from / 8);
    all.bursts += runs * ceil_div(end, burst);
  };
  std::int64_t aligned = 1, apart = 1;  // of the former only the number matters
  each_stride([&](const Region::Stride& s) { (s.bits % burst == 0 ? aligned : apart) *= s.count; });
  if (apart == 1) {
    add(r.base_bits % burst, aligned);
    return all;
  }
  if (apart <= kFewRuns) {
    for_each_run(r.base_bits % burst, burst, each_stride,
                 [&](std::int64_t from) { add(from, aligned); });
    return all;
  }
  std::int64_t unit = burst;
  each_stride([&](const Region::Stride& s) { unit = std::gcd(unit, s.bits); });
  Places places(r.base_bits, unit, burst);
  each_stride([&](const Region::Stride& s) {
    if (s.bits % burst != 0) places.repeat(s.count, s.bits);
  });
  places.each([&](std::int64_t from, std::int64_t runs) { add(from, runs * aligned); });
  return all;
}

Pages Pages::scattered(std::int64_t begin_bytes, std::int64_t page_bytes, std::int64_t pages,
                       std::int64_t parts) {
  // 0.618 of them, to the nearest.
  std::int64_t step = std::max<std::int64_t>(1, (pages * 618 + 500) / 1000);
  while (std::gcd(step, pages) != 1) ++step;
  return {begin_bytes, page_bytes, pages, parts, step};
}

std::int64_t Pages::place(std::int64_t address) const {
  if (page_bytes == 0) return address;
  const std::int64_t offset = address - begin_bytes, page = offset / page_bytes;
  const std::int64_t at = page % pages * step % pages * parts + page / pages;
  return begin_bytes + at * page_bytes + offset % page_bytes;
}

std::int64_t Region::bytes() const { return moved(*this, {}, 1).bytes; }

std::int64_t bursts_of(const Region& region, std::int64_t burst_bytes) {
  return moved(region, {}, burst_bytes).bursts;
}

std::int64_t Region::end_bits() const {
  std::int64_t end = base_bits + run_bits;
  for (const Stride& s : strides) end += (s.count - 1) * s.bits;
  return end;
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

/// What is left of the run, up to the next multiple of a whole request, or the end of the page.
void RequestCursor::cut() {
  bursts_ = std::min(last_burst_ + 1 - burst_, size_.bursts - burst_ % size_.bursts);
  const Pages& pages = region_.pages;
  if (pages.page_bytes == 0) return;
  const std::int64_t size = pages.page_bytes / size_.burst_bytes;
  const std::int64_t first = pages.begin_bytes / size_.burst_bytes;
  bursts_ = std::min(bursts_, size - (burst_ - first) % size);
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
