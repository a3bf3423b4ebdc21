// The DRAM as a TLM-2.0 target; what happens inside stands in core/dram, this module says when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "core/dram/engine.h"
#include "core/fifo.h"
#include "hw/dram_memory.h"
#include "hw/time.h"

namespace bitjoule {

/// An approximately-timed target (base protocol, four phases) with a blocking transport beside it.
/// A transaction is one or more whole, aligned bursts; its data pointer may be null (timing only).
/// It is accepted (END_REQ) when its last burst has entered a queue of the controller, at a memory
/// clock edge, and answered (BEGIN_RESP) at the end of its last data beat, for writes too.
///
/// Calls to the initiator carry annotated delays in order of time and run ahead of the kernel's
/// time up to the next pending activity of the rest of the system, so a long stream costs few
/// events.
class Dram : public sc_core::sc_module, private tlm::tlm_fw_transport_if<> {
 public:
  tlm::tlm_target_socket<> socket;

  /// Sets the kernel's time resolution (hw/time.h).
  Dram(sc_core::sc_module_name name, const DramConfig& config);

  /// Now becomes DRAM cycle 0: banks closed, refresh counter and statistics zero. Only while idle.
  void begin_epoch();
  /// Counts of this epoch up to the last completed transaction, or up to `until`.
  DramStats stats() const;
  DramStats stats(const sc_core::sc_time& until) const;

  std::int64_t burst_bytes() const { return static_cast<std::int64_t>(burst_); }
  Bytes capacity() const { return Bytes(static_cast<std::int64_t>(capacity_)); }
  BytesPerSecond peak_bandwidth() const { return engine_->peak_bandwidth(); }

 private:
  /// One transaction inside; `done` only for blocking ones.
  struct InFlight {
    tlm::tlm_generic_payload* payload = nullptr;
    sc_core::sc_event* done = nullptr;
  };

  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override;
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
  unsigned int transport_dbg(tlm::tlm_generic_payload& payload) override;
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }

  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload) const;
  std::int64_t offer(const InFlight& transaction, Femtoseconds at);
  tlm::tlm_sync_enum begin_request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                   sc_core::sc_time& delay);
  void end_response(const tlm::tlm_generic_payload& payload, Femtoseconds at);
  void work();
  void deliver(const DramEvent& event);
  void respond(tlm::tlm_generic_payload* payload, Femtoseconds at);
  void send_request_end(tlm::tlm_generic_payload& payload, Femtoseconds at);
  void wake();
  Femtoseconds now() const { return working_ ? now_ : to_femtoseconds(sc_core::sc_time_stamp()); }
  /// The delay from now until `at`; zero if that is past.
  sc_core::sc_time from_now(Femtoseconds at) const {
    return to_sc_time(std::max(at - now(), Femtoseconds(0)));
  }
  Femtoseconds time_of(std::int64_t cycle) const { return epoch_ + clock_.edge(Cycles(cycle)); }
  std::int64_t cycle_at_or_after(Femtoseconds t) const;

  const ResolvedDram memory_model_;
  std::unique_ptr<DramEngine> engine_;
  const std::uint64_t burst_, capacity_;  // bytes
  mutable ClockCursor clock_;             // where requests come in
  ClockCursor horizon_;                   // how far work() may go
  SparseMemory memory_;
  Femtoseconds epoch_{0};
  std::int64_t last_cycle_ = 0;  // of the last event

  std::vector<InFlight> in_flight_;  // by tag
  std::vector<std::uint64_t> free_tags_;
  std::int64_t count_ = 0;  // transactions inside
  bool offering_ = false;   // a request waits for its END_REQ: the port is taken
  sc_core::sc_event port_free_;
  int port_waiters_ = 0;  // blocked threads; without any, an event per request is spared

  Fifo<tlm::tlm_generic_payload*> responses_;       // complete, their BEGIN_RESP not sent yet
  tlm::tlm_generic_payload* responding_ = nullptr;  // BEGIN_RESP sent, END_RESP awaited
  Femtoseconds response_free_{0};                   // end of the last response phase

  bool working_ = false;  // inside work(): callbacks need not wake it
  Femtoseconds now_{0};   // then
  sc_core::sc_event wake_;
};

}  // namespace bitjoule
