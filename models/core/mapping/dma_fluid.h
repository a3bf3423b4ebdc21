// The DMA and the memory behind it as a fluid: requests flow from the streams in turn into a window
// of outstanding ones, and out of it at the memory's rate. Times are core cycles.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/mapping/tile_time.h"

namespace bitjoule {

/// A transfer on its way.
struct FluidTransfer {
  double requests = 0;             ///< yet to be taken
  double bursts = 1;               ///< in each of them
  double usable = 0;               ///< may be taken from here on
  std::int64_t elements = 0;       ///< that pass a dequantizer on the DRAM side, ...
  std::int64_t last_elements = 0;  ///< ... and those of its last request
  bool last_of_fill = true;
  double first_arrival = 0;
};

class DmaFluid {
 public:
  static constexpr std::size_t kDmaStreams = 3;  // inputs, weights, results

  DmaFluid(const MappingProblem& problem, MemoryRates& rates);

  void push(std::size_t stream, const FluidTransfer& transfer);

  struct Done {
    std::size_t stream = 0;
    double at = 0;
    FluidTransfer transfer;
  };
  /// Runs to the completion of the next transfer, in the order of time; false: nothing moves.
  bool next(Done* done);

  bool idle(std::size_t stream) const { return streams_[stream].taking.empty(); }
  /// Appends all that its future depends on, as times from `from` on.
  void append_state(double from, std::vector<double>* state) const;

 private:
  struct Stream {
    std::deque<FluidTransfer> taking;  // not all of their requests are taken
    std::int64_t pushed = 0, finished = 0;
    double retired = 0;       // the transfers ahead were complete
    double queued_until = 0;  // a place in the queue became free
  };
  /// Requests x0..x1, numbered as they were taken, are complete at c0..c1.
  struct Stretch {
    double x0, c0, x1, c1;
    double slope() const { return (c1 - c0) / (x1 - x0); }
  };

  bool ready(const Stream& stream) const;
  double wakes(const Stream& stream) const;
  std::size_t earliest() const;
  unsigned active() const;
  void flow(unsigned streams, double until);
  void take(unsigned streams, double requests);
  void finish_taken(std::size_t stream, double at);
  double completed();

  const MappingProblem& p_;
  MemoryRates& rates_;
  double window_, rate_;  // requests outstanding at most, taken per cycle at most
  std::array<Stream, kDmaStreams> streams_;
  std::vector<Done> pending_;  // all requests taken, completion known
  std::deque<Stretch> history_;
  double now_ = 0;
  double taken_ = 0, complete_ = 0;  // requests
  double last_complete_ = -1e18;     // when the last taken request is complete
};

}  // namespace bitjoule
