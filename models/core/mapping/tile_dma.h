// The DMA with the memory behind it, as the walk of tile operations sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mapping/tile_layout.h"

namespace bitjoule {

/// A transfer on its way. Times are core cycles.
struct TileTransfer {
  Stream tensor = Stream::kInputs;
  TileIndex tile;
  double requests = 0;             ///< yet to be taken; 0: nothing is moved
  double bursts = 1;               ///< in each of them
  double usable = 0;               ///< may be taken from here on
  std::int64_t elements = 0;       ///< that pass a dequantizer on the DRAM side, ...
  std::int64_t last_elements = 0;  ///< ... and those of its last request
  bool last_of_fill = true;
  double first_arrival = 0;
};

class TileDma {
 public:
  static constexpr std::size_t kDmaStreams = 3;  // inputs, weights, results

  virtual ~TileDma() = default;
  /// Transfers of a stream are moved in their order.
  virtual void push(std::size_t stream, const TileTransfer& transfer) = 0;

  struct Done {
    std::size_t stream = 0;
    double at = 0;
    TileTransfer transfer;
  };
  /// Runs to the completion of the next transfer, in the order of time; false: nothing moves.
  virtual bool next(Done* done) = 0;

  virtual bool idle(std::size_t stream) const = 0;
  /// Appends all that its future depends on, as times from `from` on; false: that is not to be
  /// told.
  virtual bool append_state(double from, std::vector<double>* state) const = 0;
};

}  // namespace bitjoule
