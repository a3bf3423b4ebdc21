// How fast a memory serves the DMA's streams: its peak, or what its controller makes of a sample of
// their requests.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/mapping/tile_time.h"

namespace bitjoule {

/// Core cycles from the acceptance of a request to its data where the row is open, less those that
/// its bursts take at the memory's peak.
double request_latency(const MemoryPort& memory, unsigned streams);

/// Every burst at the peak.
class PeakRates : public MemoryRates {
 public:
  explicit PeakRates(const MemoryPort& memory);
  double burst_cycles(unsigned) override { return burst_cycles_; }
  double open_latency(unsigned) override { return open_latency_; }

 private:
  double burst_cycles_, open_latency_;
};

/// Asks the model of the memory itself, without refreshes: some requests of tiles from all over the
/// layer, each stream's in turn, as the DMA sends them. What is asked once is kept.
class SampledRates : public MemoryRates {
 public:
  SampledRates(const MappingProblem& problem, const Tiling& tiling, const TileLayout& layout);
  double burst_cycles(unsigned streams) override;
  double open_latency(unsigned streams) override;

 private:
  struct Rate {
    double cycles = 0, open = 0;
  };
  const Rate& rate(unsigned streams);
  Rate sample(unsigned streams) const;

  const MappingProblem& p_;
  const TileLayout& layout_;
  StepOrder order_;
  std::array<Rate, 8> rates_{};
};

/// The same for refreshes that come while the memory is busy: each costs `refresh_lost`.
class RefreshedRates : public MemoryRates {
 public:
  RefreshedRates(const MemoryPort& memory, MemoryRates& rates)
      : share_(1 - memory.refresh_lost / memory.refresh_cycles), rates_(rates) {}
  double burst_cycles(unsigned streams) override { return rates_.burst_cycles(streams); }
  double open_latency(unsigned streams) override { return rates_.open_latency(streams); }
  double available() const override { return share_; }

 private:
  double share_;
  MemoryRates& rates_;
};

}  // namespace bitjoule
