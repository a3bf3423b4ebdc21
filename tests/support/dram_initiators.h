// Two TLM-2.0 initiators for DRAM tests with the same behaviour and opposite styles.
#pragma once

#include <tlm_utils/peq_with_cb_and_phase.h>

#include <algorithm>
#include <cstdint>
#include <systemc>
#include <tlm>
#include <vector>

#include "core/clock.h"
#include "hw/time.h"

namespace bitjoule::test {

struct Access {
  std::uint64_t address = 0;
  bool write = false;
};

/// At most one request per core clock and `outstanding` at once; a completion counts from the first
/// core edge at or after the end of the response. Subclasses differ in how they spend events.
class Initiator : public sc_core::sc_module,
                  public tlm::tlm_bw_transport_if<>,
                  tlm::tlm_mm_interface {
 public:
  tlm::tlm_initiator_socket<> socket;

  Initiator(sc_core::sc_module_name name, Clock core, std::size_t outstanding, unsigned bytes,
            std::vector<Access> accesses)
      : sc_module(name),
        socket("socket"),
        core_(core),
        outstanding_(outstanding),
        bytes_(bytes),
        accesses_(std::move(accesses)),
        pool_(accesses_.size()),
        completed(accesses_.size(), -1) {
    socket.bind(*this);
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  void free(tlm::tlm_generic_payload*) override { ++released; }

 protected:
  tlm::tlm_generic_payload& payload(std::size_t index) {
    tlm::tlm_generic_payload& p = pool_[index];
    p.set_mm(this);
    p.acquire();
    p.set_address(accesses_[index].address);
    p.set_command(accesses_[index].write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    p.set_data_length(bytes_);
    p.set_streaming_width(bytes_);
    return p;
  }
  void complete(tlm::tlm_generic_payload& p, std::int64_t edge) {
    completed[static_cast<std::size_t>(&p - pool_.data())] = p.is_response_ok() ? edge : -2;
    p.release();
  }
  std::int64_t edge_at(const sc_core::sc_time& delay) const {
    return core_.at_or_after(to_femtoseconds(sc_core::sc_time_stamp() + delay)).value;
  }
  sc_core::sc_time until_edge(std::int64_t edge) const {
    return to_sc_time(core_.edge(Cycles(edge))) - sc_core::sc_time_stamp();
  }

  const Clock core_;
  const std::size_t outstanding_;
  const unsigned bytes_;
  const std::vector<Access> accesses_;
  std::size_t in_flight_ = 0, next_ = 0;

 private:
  std::vector<tlm::tlm_generic_payload> pool_;

 public:
  std::vector<std::int64_t> completed;  ///< core edge by access; -1 never, -2 with an error
  std::size_t released = 0;
};

/// Sends as far ahead of the kernel's time as it can, from within the target's calls.
class RunAheadInitiator : public Initiator {
 public:
  template <class... Args>
  explicit RunAheadInitiator(sc_core::sc_module_name name, Args&&... args)
      : Initiator(name, std::forward<Args>(args)...) {
    SC_HAS_PROCESS(RunAheadInitiator);
    SC_METHOD(send);
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    edge_ = std::max(edge_, edge_at(delay));
    if (phase == tlm::END_REQ) {
      port_busy_ = false;
      send();
      return tlm::TLM_ACCEPTED;
    }
    complete(p, edge_at(delay));
    if (in_flight_-- == outstanding_ && !port_busy_) send();
    return tlm::TLM_COMPLETED;
  }

 private:
  void send() {
    while (next_ < accesses_.size() && in_flight_ < outstanding_ && !port_busy_) {
      tlm::tlm_generic_payload& p = payload(next_++);
      ++in_flight_;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = until_edge(edge_);
      ++edge_;
      switch (socket->nb_transport_fw(p, phase, delay)) {
        case tlm::TLM_ACCEPTED:
          port_busy_ = true;
          break;
        case tlm::TLM_UPDATED:
          edge_ = std::max(edge_, edge_at(delay));
          break;
        case tlm::TLM_COMPLETED:
          complete(p, edge_);
          --in_flight_;
          break;
      }
    }
  }
  std::int64_t edge_ = 0;  // the next request's
  bool port_busy_ = false;
};

/// One kernel event per phase, an explicit END_RESP, no annotated delays of its own.
class EventInitiator : public Initiator {
 public:
  template <class... Args>
  explicit EventInitiator(sc_core::sc_module_name name, Args&&... args)
      : Initiator(name, std::forward<Args>(args)...), queue_(this, &EventInitiator::phase_due) {
    SC_HAS_PROCESS(EventInitiator);
    SC_THREAD(run);
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& p, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    queue_.notify(p, phase, delay);
    return tlm::TLM_ACCEPTED;
  }

 private:
  void run() {
    for (std::int64_t edge = 0; next_ < accesses_.size(); ++edge) {
      while (in_flight_ == outstanding_) wait(freed_);
      edge = std::max(edge, edge_at(sc_core::SC_ZERO_TIME));
      if (until_edge(edge) > sc_core::SC_ZERO_TIME) wait(until_edge(edge));
      tlm::tlm_generic_payload& p = payload(next_++);
      ++in_flight_;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      switch (socket->nb_transport_fw(p, phase, delay)) {
        case tlm::TLM_ACCEPTED:
          awaiting_ = &p;
          wait(request_ended_);
          break;
        case tlm::TLM_UPDATED:
          wait(delay);
          break;
        case tlm::TLM_COMPLETED:
          complete(p, edge);
          --in_flight_;
          break;
      }
    }
  }
  void phase_due(tlm::tlm_generic_payload& p, const tlm::tlm_phase& phase) {
    if (&p == awaiting_) {  // a response that comes first implies END_REQ
      awaiting_ = nullptr;
      request_ended_.notify();
    }
    if (phase == tlm::END_REQ) return;
    complete(p, edge_at(sc_core::SC_ZERO_TIME));
    --in_flight_;
    freed_.notify();
    tlm::tlm_phase end = tlm::END_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_fw(p, end, delay);
  }
  tlm_utils::peq_with_cb_and_phase<EventInitiator> queue_;
  sc_core::sc_event request_ended_, freed_;
  tlm::tlm_generic_payload* awaiting_ = nullptr;
};

}  // namespace bitjoule::test
