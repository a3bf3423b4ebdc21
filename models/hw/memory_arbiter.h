// Several initiators before one memory: accelerators that share a DRAM, beside whatever else there
// is on a platform.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>

#include <deque>
#include <systemc>
#include <tlm>
#include <unordered_map>

#include "hw/time.h"

namespace bitjoule {

/// Passes requests on in the order of their times, of equal ones in the order in which they came;
/// it takes no time of its own. While the memory has not accepted a request (END_REQ), those of the
/// others wait for it: each initiator has one that waits at most, so that all have their turn.
/// Addresses are left as they are. TLM-2.0 base protocol on both sides, with four phases or
/// blocking.
class MemoryArbiter : public sc_core::sc_module, private tlm::tlm_bw_transport_if<> {
 public:
  tlm_utils::multi_passthrough_target_socket<MemoryArbiter> from_initiators;  ///< any number
  tlm::tlm_initiator_socket<> to_memory;

  explicit MemoryArbiter(sc_core::sc_module_name name);

 private:
  static constexpr int kBlocking = -1;
  struct Source {
    int initiator = kBlocking;
    sc_core::sc_event* done = nullptr;  ///< of a blocking one
  };
  struct Waiting {
    tlm::tlm_generic_payload* payload;
    Femtoseconds at;
  };

  tlm::tlm_sync_enum nb_transport_fw(int initiator, tlm::tlm_generic_payload& payload,
                                     tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void b_transport(int initiator, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned int transport_dbg(int initiator, tlm::tlm_generic_payload& payload);
  bool get_direct_mem_ptr(int, tlm::tlm_generic_payload&, tlm::tlm_dmi&) { return false; }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override;
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  tlm::tlm_sync_enum offer(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                           sc_core::sc_time& delay);
  void queue(tlm::tlm_generic_payload& payload, Femtoseconds at);
  void pass_on();
  void answer(tlm::tlm_generic_payload& payload, tlm::tlm_sync_enum status, tlm::tlm_phase phase,
              sc_core::sc_time delay);
  tlm::tlm_sync_enum tell(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                          sc_core::sc_time& delay);

  std::deque<Waiting> waiting_;  ///< by time
  std::unordered_map<tlm::tlm_generic_payload*, Source> sources_;
  tlm::tlm_generic_payload* offered_ = nullptr;  ///< its END_REQ is still to come
  Femtoseconds free_{0};                         ///< when the last request was accepted
  bool passing_ = false;                         ///< within pass_on(), which goes on by itself
  sc_core::sc_event due_;
};

}  // namespace bitjoule
