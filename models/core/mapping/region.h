// The bytes of a tensor that one transfer moves: equal runs at regular strides.
#pragma once

#include <array>
#include <cstdint>

#include "core/units.h"

namespace bitjoule {

/// Runs of `run_bits` consecutive bits, repeated by three nested strides (outermost first).
/// Addresses are in bits because elements may be narrower than a byte; a transfer moves whole
/// bursts.
struct Region {
  struct Stride {
    std::int64_t count = 1;
    std::int64_t bits = 0;
  };
  std::int64_t base_bits = 0;
  std::int64_t run_bits = 0;
  std::array<Stride, 3> strides{};

  static Region contiguous(std::int64_t base_bytes, std::int64_t bytes) {
    Region r;
    r.base_bits = base_bytes * 8;
    r.run_bits = bytes * 8;
    return r;
  }

  std::int64_t runs() const { return strides[0].count * strides[1].count * strides[2].count; }
  bool empty() const { return run_bits == 0 || runs() == 0; }
  /// Bytes asked for: each run rounded out to whole bytes.
  std::int64_t bytes() const;
  /// Merges runs that touch, so that a whole map or matrix is one run.
  void merge();
};

/// Where tensors begin in DRAM: pages of 4 KiB.
constexpr std::int64_t kTensorAlignment = 4096;
/// `x` rounded up to whole `unit`s.
constexpr std::int64_t align(std::int64_t x, std::int64_t unit) { return ceil_div(x, unit) * unit; }

/// Bursts needed to move a region: each run by itself, its ends rounded out to bursts.
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
  /// Byte address of the current request, aligned to a burst.
  std::int64_t address() const { return burst_ * size_.burst_bytes; }
  /// Bursts of the current request; 0: none is left.
  std::int64_t bursts() const { return bursts_; }
  void next();

 private:
  void start_run();
  void cut();

  Region region_;
  RequestSize size_;
  std::array<std::int64_t, 3> index_{};
  std::int64_t burst_ = 0, last_burst_ = 0;  // of the run: the next to ask for, and the last
  std::int64_t bursts_ = 0;
};

}  // namespace bitjoule
