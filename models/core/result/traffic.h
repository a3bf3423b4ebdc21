// Bytes that crossed the DRAM's pins, per tensor.
#pragma once

#include <array>
#include <cstdint>

#include "core/mapping/program.h"

namespace bitjoule {

struct TensorTraffic {
  std::int64_t read_bytes = 0, write_bytes = 0;  ///< asked for
  std::int64_t bursts = 0;                       ///< moved, either way
  std::int64_t padding(std::int64_t burst_bytes) const {
    return bursts * burst_bytes - read_bytes - write_bytes;
  }
};

struct DramTraffic {
  std::array<TensorTraffic, kTensors> tensors{};
  std::int64_t burst_bytes = 64;

  TensorTraffic& operator[](Tensor t) { return tensors[static_cast<std::size_t>(t)]; }
  const TensorTraffic& operator[](Tensor t) const { return tensors[static_cast<std::size_t>(t)]; }
  /// Sum over the tensors.
  TensorTraffic total() const {
    TensorTraffic sum;
    for (const TensorTraffic& t : tensors) {
      sum.read_bytes += t.read_bytes;
      sum.write_bytes += t.write_bytes;
      sum.bursts += t.bursts;
    }
    return sum;
  }
};

}  // namespace bitjoule
