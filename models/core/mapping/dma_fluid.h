// The DMA and the memory behind it as a fluid: requests flow from the streams in turn into a window
// of outstanding ones, and out of it at the memory's rate. Times are core cycles.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/few.h"
#include "core/mapping/tile_dma.h"
#include "core/mapping/tile_time.h"

namespace bitjoule {

class DmaFluid : public TileDma {
 public:
  DmaFluid(const MappingProblem& problem, MemoryRates& rates);

  void push(std::size_t stream, const TileTransfer& transfer) override;
  bool next(Done* done) override;
  bool idle(std::size_t stream) const override { return streams_[stream].taking.empty(); }
  bool append_state(double from, std::vector<double>* state) const override;

 private:
  static constexpr std::size_t kFew = 4;  // in each at once, mostly
  struct Stream {
    Few<TileTransfer, kFew> taking;  // not all of their requests are taken
    std::int64_t pushed = 0, finished = 0;
    double retired = 0;       // the transfers ahead were complete
    double queued_until = 0;  // a place in the queue became free
  };
  /// Requests x0..x1, numbered as they were taken, are complete at c0..c1.
  struct Stretch {
    double x0, c0, x1, c1;
    double slope() const { return (c1 - c0) / (x1 - x0); }
  };

  double wakes(const Stream& stream) const;
  std::size_t earliest() const;
  void flow(unsigned streams, double until);
  void take(unsigned streams, double requests);
  void finish_taken(std::size_t stream, double at);
  double completed();

  const MappingProblem& p_;
  MemoryRates& rates_;
  double window_, rate_;  // requests outstanding at most, taken per cycle at most
  std::int64_t queue_;    // transfers that a stream holds
  std::array<Stream, kDmaStreams> streams_;
  Few<Done, kFew> pending_;     // all requests taken, completion known
  Few<Stretch, kFew> history_;  // few
  double now_ = 0;
  double taken_ = 0, complete_ = 0;  // requests
  double last_complete_ = -1e18;     // when the last taken request is complete
};

}  // namespace bitjoule
