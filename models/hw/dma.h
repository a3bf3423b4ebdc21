// Moves tile regions between DRAM and buffers, burst by burst: a TLM-2.0 initiator.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "core/result/traffic.h"
#include "hw/core_clock.h"
#include "hw/interfaces.h"

namespace bitjoule {

/// Three streams (inputs, weights with their scales, results) share a window of `outstanding`
/// bursts. Whenever a place in it is free, the next burst is taken from the streams in turn;
/// requests leave at one per core cycle at most, and not before the one ahead was accepted.
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

  /// `burst_bytes` is the size of every request. Only while idle.
  void start(const LayerRun& run, DramTraffic& traffic, std::int64_t burst_bytes);

  void load(const LoadOp& op, Token done, Cycles usable) override;
  void store(const StoreOp& op, Cycles usable) override;

  std::int64_t in_flight() const { return in_flight_; }

 private:
  struct Transfer {
    BurstCursor bursts;
    Tensor tensor = Tensor::kInputs;
    bool write = false;
    Token done = Token::kInputLoaded;
    Cycles usable{0};
    std::int64_t sram_bits = 0, dequantize = 0;
    std::int64_t waiting = 0;  ///< bursts in flight
    Cycles first_arrival{-1}, last_arrival{0};
  };
  struct Stream {
    std::deque<Transfer> transfers;
    std::size_t issuing = 0;  ///< the first transfer with bursts left
    Cycles retired{0};        ///< the last token was given for this cycle
    std::int64_t in_flight = 0;
    std::int32_t signal = 0;  ///< of the trace: bursts in flight
  };
  struct Request : tlm::tlm_generic_payload {
    Stream* stream = nullptr;
    Transfer* transfer = nullptr;
  };

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override;
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  void push(std::size_t stream, const Transfer& transfer);
  void on_usable();
  void fill_window(Cycles now);
  bool take_burst(Cycles now);
  void send(Cycles earliest);
  void count_in_flight(Stream& stream, std::int64_t change, Cycles at);
  void complete(Request& request, Cycles at);
  void retire(Stream& stream);
  /// When a tile that passes a dequantizer on the DRAM side is complete.
  Cycles dequantized(const Transfer& transfer);

  const CoreClock& clock_;
  const DmaConfig config_;
  LayerRun run_;
  DramTraffic* traffic_ = nullptr;
  std::int64_t burst_bytes_ = 64;
  std::array<Stream, 3> streams_;
  std::size_t turn_ = 0;
  std::vector<std::unique_ptr<Request>> pool_;
  std::vector<Request*> free_;
  std::deque<Request*> window_;  ///< taken, not yet sent
  std::int64_t in_flight_ = 0;
  Request* awaiting_ = nullptr;  ///< sent, its END_REQ is still to come
  Cycles last_sent_{-1};
  std::int64_t sent_in_cycle_ = 0;
  sc_core::sc_event usable_event_;
  std::deque<Cycles> usable_;
};

}  // namespace bitjoule
