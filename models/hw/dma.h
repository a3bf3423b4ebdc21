// Moves tile regions between DRAM and buffers, request by request: a TLM-2.0 initiator.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "core/fifo.h"
#include "core/mapping/traffic.h"
#include "hw/core_clock.h"
#include "hw/interfaces.h"

namespace bitjoule {

/// Three streams (inputs, weights with their scales, results) share a window of `outstanding`
/// requests. Whenever a place in it is free, the next request is taken from the streams in turn; at
/// most `requests_per_cycle` leave per core cycle, none before the one ahead was accepted. Where
/// layers overlap, a fourth stream with weights of the next layer has the cycles and places that
/// none of the three wants, until the layer's last result is on its way.
class Dma : public sc_core::sc_module, public DmaIf, private tlm::tlm_bw_transport_if<> {
 public:
  sc_core::sc_export<DmaIf> from_sequencer;
  sc_core::sc_port<TokenIf> to_sequencer;
  sc_core::sc_port<BufferIf> to_input_buffer{"to_input_buffer"},
      to_weight_buffer{"to_weight_buffer"}, to_scale_buffer{"to_scale_buffer"},
      to_output_buffer{"to_output_buffer"};
  sc_core::sc_port<DequantizerIf> to_dequantizer{"to_dequantizer"};
  tlm::tlm_initiator_socket<> to_dram;

  Dma(sc_core::sc_module_name name, const CoreClock& clock, const DmaConfig& config);

  /// `burst_bytes`: what the memory moves at least. Only while idle.
  void start(const LayerRun& run, DramTraffic& traffic, std::int64_t burst_bytes);

  void load(const LoadOp& op, Token done, Cycles usable) override;
  void load_ahead(const LoadOp& op, Cycles usable) override;
  void store(const StoreOp& op, Cycles usable) override;

  /// Bursts.
  std::int64_t in_flight() const { return in_flight_; }

  /// The cycle in which the last request for the next layer was served; 0: there was none.
  Cycles last_ahead() const { return last_ahead_; }
  /// The cycles in which transfers were under way, by what held them: the memory's bandwidth
  /// (kDramRead, kDramWrite), kDmaWindow, kDmaRate or kDramLatency. docs/timing.md.
  const StallBreakdown& busy() const { return busy_; }

  /// After the run: what the next layer, which begins at `end`, finds done.
  WeightsAhead finish_ahead(Cycles end);

 private:
  static constexpr std::size_t kInputStream = 0, kWeightStream = 1, kStoreStream = 2,
                               kAheadStream = 3;
  /// How the requests of a transfer fared, in cycles and in the order of sending and of serving.
  struct Course {
    Cycles begin{-1};       ///< the first may be taken
    Cycles last_taken{-1};  ///< the last found a place among the outstanding
    Cycles first_sent{-1}, last_sent{-1};
    std::int64_t sent_before = 0, sent = 0;    ///< of all streams, up to the first and the last
    std::int64_t moved_before = 0, moved = 0;  ///< bursts of all, up to the first and last served
    Cycles served_before{0};                   ///< when the request ahead of the first was served
    std::int64_t served = 0, bursts = 0;
    std::int64_t latency = 0;  ///< from sent to served, summed
  };
  struct Transfer {
    RequestCursor requests;  ///< yet to be taken
    Tensor tensor = Tensor::kInputs;
    bool write = false;
    Token done = Token::kInputLoaded;
    Cycles usable{0};
    std::int64_t sram_bits = 0;
    std::int64_t elements = 0, dequantize = 0;  ///< to be dequantized: all, and those yet to arrive
    std::int64_t taken = 0;                     ///< bursts of the fourth stream
    std::int64_t waiting = 0;                   ///< requests taken and not served
    Cycles first_arrival{-1}, last_arrival{0};
    std::int64_t last_bursts = 0;  ///< of the request that arrived last
    Course course;
  };
  struct Stream {
    std::deque<Transfer> transfers;
    std::size_t issuing = 0;      ///< index of the first transfer with requests left
    Transfer* current = nullptr;  ///< that transfer, if any
    Cycles retired{0};            ///< the last token was given for this cycle
    Cycles taken{0};              ///< the last request was taken
    std::int64_t in_flight = 0;   ///< bursts
    std::int32_t signal = 0;      ///< of the trace: bursts in flight
  };
  struct Request : tlm::tlm_generic_payload {
    Stream* stream = nullptr;
    Transfer* transfer = nullptr;
    std::int64_t bursts = 0;
    Cycles sent{0};
  };

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override;
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  Transfer transfer_of(const LoadOp& op, Token done, Cycles usable) const;
  void take_over(const WeightsAhead& ahead);
  void count_load(const LoadOp& op);
  void push(std::size_t stream, const Transfer& transfer);
  void on_usable();
  void fill_window(Cycles now);
  bool take_request(Cycles now);
  void take_request(Stream& stream, Cycles now);
  static void find_current(Stream& stream);
  bool results_sent() const;
  void wake_ahead(Cycles now);
  void on_ahead();
  void send(Cycles earliest);
  void count_in_flight(Stream& stream, std::int64_t change, Cycles at);
  void complete(Request& request, Cycles at);
  Cause held_by(const Transfer& transfer) const;
  void account(const Transfer& transfer);
  void retire(Stream& stream);
  void retire_ahead(const Transfer& transfer, Cycles at);
  /// When a tile that passes a dequantizer on the DRAM side is complete.
  Cycles dequantized(const Transfer& transfer, const MappingProblem& problem);

  const CoreClock& clock_;
  const DmaConfig config_;
  LayerRun run_;
  DramTraffic* traffic_ = nullptr;
  RequestSize size_;  ///< at most
  std::array<Stream, 4> streams_;
  std::size_t turn_ = 0;
  std::vector<std::unique_ptr<Request>> pool_;
  std::vector<Request*> free_;
  Fifo<Request*> window_;  ///< taken, not yet sent
  std::int64_t in_flight_ = 0;
  Request* awaiting_ = nullptr;  ///< sent, its END_REQ is still to come
  Cycles last_sent_{-1};
  std::int64_t sent_in_cycle_ = 0;
  Cycles accepted_{-1};  ///< the next may leave, as the fourth stream sees it
  Cycles freed_{-1};     ///< the latest place was given back
  std::int64_t freed_in_cycle_ = 0;
  sc_core::sc_event usable_event_;
  std::deque<Cycles> usable_;
  std::int64_t bursts_before_ = 0;  ///< of the next load of weights, moved before cycle 0
  std::size_t stores_ = 0;          ///< asked for
  WeightsAhead ahead_;              ///< for the next layer
  sc_core::sc_event ahead_event_;   ///< between two cycles, when all of the first has happened
  Cycles ahead_cycle_{-1};          ///< the second of them; -1: none
  Cycles last_ahead_{0};
  std::int64_t requests_sent_ = 0, bursts_moved_ = 0;
  double burst_cycles_ = 0;  ///< that a burst takes at the memory's peak
  StallBreakdown busy_;
  Cycles accounted_{0};  ///< up to here busy_ has been told
};

}  // namespace bitjoule
