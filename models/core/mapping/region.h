// The bytes of a tensor that one transfer moves: equal runs at regular strides.
#pragma once

#include <array>
#include <cstdint>
#include <numeric>

#include "core/units.h"

namespace bitjoule {

/// Pieces of equal size of a tensor that do not lie in order: `parts` tensors of `pages` pages each
/// have a region's addresses one after the other, but page j of every part lies with page j of the
/// others, part after part, at place (j * step) % pages. Pages begin with a burst.
struct Pages {
  std::int64_t begin_bytes = 0, page_bytes = 0;  ///< 0: there are none
  std::int64_t pages = 1, parts = 1, step = 1;

  /// Scattered: `step` is the first from the golden section of `pages` on that reaches all.
  static Pages scattered(std::int64_t begin_bytes, std::int64_t page_bytes, std::int64_t pages,
                         std::int64_t parts);
  /// Where the byte of a region's address lies.
  std::int64_t place(std::int64_t address) const;
};

/// Runs of `run_bits` consecutive bits, repeated by nested strides (outermost first).
/// Addresses are in bits because elements may be narrower than a byte; a transfer moves whole
/// bursts.
struct Region {
  struct Stride {
    std::int64_t count = 1;
    std::int64_t bits = 0;
  };
  std::int64_t base_bits = 0;
  std::int64_t run_bits = 0;
  std::array<Stride, 4> strides{};
  Pages pages{};  ///< that its addresses go by; costs in bursts are those without

  static Region contiguous(std::int64_t base_bytes, std::int64_t bytes) {
    Region r;
    r.base_bits = base_bytes * 8;
    r.run_bits = bytes * 8;
    return r;
  }

  std::int64_t runs() const {
    std::int64_t all = 1;
    for (const Stride& s : strides) all *= s.count;
    return all;
  }
  /// Of all runs, without what lies between them.
  std::int64_t bits() const { return runs() * run_bits; }
  bool empty() const { return run_bits == 0 || runs() == 0; }
  /// The first bit after the last run.
  std::int64_t end_bits() const;
  /// Bytes asked for: each run rounded out to whole bytes.
  std::int64_t bytes() const;
  /// Merges runs that touch, so that a whole map or matrix is one run.
  void merge();
};

/// What transfers ask for, each run rounded out to whole bytes, and the bursts that hold it, each
/// run rounded out by itself.
struct Moved {
  std::int64_t bytes = 0, bursts = 0;
};

/// The sum over the copies of a region that stand at all combinations of the strides in `copies`.
/// Counted by where in a burst the runs begin: the cost does not grow with their number.
using Copies = std::array<Region::Stride, 6>;
Moved moved(const Region& region, const Copies& copies, std::int64_t burst_bytes);

/// `x` rounded up to whole `unit`s.
constexpr std::int64_t align(std::int64_t x, std::int64_t unit) { return ceil_div(x, unit) * unit; }
/// Tensors begin in DRAM with a page of 4 KiB, and with a burst.
constexpr std::int64_t tensor_alignment(std::int64_t burst_bytes) {
  return std::lcm(std::int64_t{4096}, burst_bytes);
}

/// Bursts needed to move a region.
std::int64_t bursts_of(const Region& region, std::int64_t burst_bytes);

/// How a region is asked for: up to `bursts` bursts at a time, aligned to their number.
struct RequestSize {
  std::int64_t burst_bytes = 1;
  std::int64_t bursts = 1;
  std::int64_t bytes() const { return burst_bytes * bursts; }
};

/// Walks the requests of a region in address order of its runs; none is part of two runs.
class RequestCursor {
 public:
  RequestCursor() = default;
  RequestCursor(const Region& region, RequestSize size);

  bool done() const { return bursts_ == 0; }
  /// Byte address of the current request, aligned to a burst; it lies in one page.
  std::int64_t address() const { return region_.pages.place(burst_ * size_.burst_bytes); }
  /// Bursts of the current request; 0: none is left.
  std::int64_t bursts() const { return bursts_; }
  void next();

 private:
  void start_run();
  void cut();

  Region region_;
  RequestSize size_;
  std::array<std::int64_t, 4> index_{};
  std::int64_t burst_ = 0, last_burst_ = 0;  // of the run: the next to ask for, and the last
  std::int64_t bursts_ = 0;
};

}  // namespace bitjoule
