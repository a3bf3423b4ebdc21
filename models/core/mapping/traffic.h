// Bytes that crossed the DRAM's pins, per tensor.
#pragma once

#include <array>
#include <cstdint>

#include "core/mapping/data_path.h"
#include "core/mapping/tensor.h"

namespace bitjoule {

struct TensorTraffic {
  std::int64_t read_bytes = 0, write_bytes = 0;  ///< asked for
  std::int64_t bursts = 0;                       ///< moved, either way
  /// Of the bytes asked for, scales and minima inside blocks (GGML), whose bursts they share.
  std::int64_t scale_read_bytes = 0, scale_write_bytes = 0;
  std::int64_t padding(std::int64_t burst_bytes) const {
    return bursts * burst_bytes - read_bytes - write_bytes;
  }
  TensorTraffic& operator+=(const TensorTraffic& other);
  TensorTraffic& operator*=(std::int64_t n);
};

struct DramTraffic {
  std::array<TensorTraffic, kTensors> tensors{};
  std::int64_t burst_bytes = 64;

  /// What of `t` is told under its name: for scales, also those inside the other tensors' blocks,
  /// which the others leave out. Sums over the tensors are unchanged.
  TensorTraffic apart(Tensor t) const;

  TensorTraffic& operator[](Tensor t) { return tensors[static_cast<std::size_t>(t)]; }
  const TensorTraffic& operator[](Tensor t) const { return tensors[static_cast<std::size_t>(t)]; }
  /// Sum over the tensors.
  TensorTraffic total() const {
    TensorTraffic sum;
    for (const TensorTraffic& t : tensors) sum += t;
    return sum;
  }
  /// Of all tensors.
  std::int64_t bursts() const {
    std::int64_t sum = 0;
    for (const TensorTraffic& t : tensors) sum += t.bursts;
    return sum;
  }
  DramTraffic& operator+=(const DramTraffic& other);
  DramTraffic& operator*=(std::int64_t n);
};

/// Fills in the shares of scales inside blocks, by the layouts of a layer's operands; blocks move
/// whole, so the division is exact.
void add_block_scales(const DataPath& path, DramTraffic& traffic);

}  // namespace bitjoule
