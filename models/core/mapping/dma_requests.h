// The DMA request by request, in front of the memory's own model: what hw/dma does, without values.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/dram/engine.h"
#include "core/fifo.h"
#include "core/mapping/tile_dma.h"

namespace bitjoule {

class DmaRequests : public TileDma {
 public:
  /// What a transfer moves.
  using Regions = std::function<Region(const TileTransfer&)>;
  /// All outlive it.
  DmaRequests(const MappingProblem& problem, const TileLayout& layout, const ResolvedDram& memory);
  DmaRequests(const MappingProblem& problem, Regions regions, const ResolvedDram& memory);

  void push(std::size_t stream, const TileTransfer& transfer) override;
  bool next(Done* done) override;
  bool idle(std::size_t stream) const override { return streams_[stream].current() == nullptr; }
  bool append_state(double, std::vector<double>*) const override { return false; }

  /// When it is, and bursts that were taken by then.
  std::int64_t now() const { return now_; }
  std::int64_t taken() const { return taken_; }

  /// Up to the last event.
  DramStats stats() { return engine_->stats(last_cycle_); }

 private:
  struct Issued {
    TileTransfer transfer;
    RequestCursor requests;  // yet to be taken
    std::int64_t waiting = 0, first_arrival = -1, last_arrival = 0;
  };
  struct DmaStream {
    std::deque<TileTransfer> queued;
    std::deque<Issued> issued;
    std::size_t taking = 0;  // of those issued
    std::int64_t retired = 0, queued_until = 0;

    Issued* current() { return taking < issued.size() ? &issued[taking] : nullptr; }
    const Issued* current() const { return taking < issued.size() ? &issued[taking] : nullptr; }
  };
  struct Request {
    std::size_t stream = 0;
    Issued* transfer = nullptr;
    DramRequest request;
  };

  std::int64_t wakes(const DmaStream& stream) const;
  void note_wake();
  void issue();
  void fill_window();
  bool take();
  void send(std::int64_t earliest);
  void complete(std::uint64_t tag);
  void retire(std::size_t stream);
  std::int64_t core_cycle(std::int64_t dram_cycle) {
    return core_.at_or_after(dram_.edge(Cycles(dram_cycle))).value;
  }
  std::int64_t dram_cycle(std::int64_t core_cycle) {
    return dram_.at_or_after(core_.edge(Cycles(core_cycle))).value;
  }

  const MappingProblem& p_;
  Regions regions_;
  std::unique_ptr<DramEngine> engine_;
  ClockCursor core_, dram_;
  const RequestSize size_;
  std::array<DmaStream, kDmaStreams> streams_;
  std::size_t turn_ = 0;
  std::vector<Request> requests_;    // by tag
  std::vector<std::uint64_t> free_;  // tags
  Fifo<std::uint64_t> window_;       // taken, not yet sent
  bool awaiting_ = false;            // the last one sent is not yet accepted
  std::int64_t now_ = 0, last_sent_ = -1, sent_in_cycle_ = 0;
  std::int64_t last_cycle_ = 0;  // of the memory's events
  std::int64_t taken_ = 0;       // bursts
  std::int64_t wake_ = kNever;   // the first stream that issues a transfer
  std::deque<Done> done_;
};

}  // namespace bitjoule
