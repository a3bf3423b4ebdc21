// A memory of 60 ns that can be bound in place of bitjoule::Dram.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <systemc>
#include <tlm>

struct FixedLatency : sc_core::sc_module {
  tlm_utils::simple_target_socket<FixedLatency> socket{"socket"};

  explicit FixedLatency(sc_core::sc_module_name name) : sc_module(name) {
    socket.register_b_transport(this,
                                &FixedLatency::b_transport);  // the socket adapts nb_transport
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    delay += sc_core::sc_time(60, sc_core::SC_NS);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};
