// A test bench with sc_main() that knows nothing of bitjoule's time resolution: a read of a closed
// bank takes its latency, or the bench is told what is wrong; never another time without a word.
#include <cstdio>
#include <string>
#include <systemc>
#include <tlm>

#include "core/error.h"
#include "hw/dram.h"
#include "support/dram_configs.h"

namespace {

struct Reader : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
  tlm::tlm_initiator_socket<> socket;
  sc_core::sc_time latency;

  SC_HAS_PROCESS(Reader);
  explicit Reader(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    socket.bind(*this);
    SC_THREAD(read);
  }
  void read() {
    tlm::tlm_generic_payload payload;
    payload.set_command(tlm::TLM_READ_COMMAND);
    payload.set_address(0);
    payload.set_data_length(32);
    payload.set_streaming_width(32);
    sc_core::sc_time delay;
    const sc_core::sc_time start = sc_core::sc_time_stamp();
    socket->b_transport(payload, delay);
    if (payload.is_response_ok()) latency = sc_core::sc_time_stamp() + delay - start;
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&,
                                     sc_core::sc_time&) override {
    return tlm::TLM_COMPLETED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

/// 0 if a read takes what it should.
int read_once() {
  bitjoule::DramConfig config;
  config.model = bitjoule::test::small_dram();
  bitjoule::Dram dram("dram", config);
  Reader reader("reader");
  reader.socket.bind(dram.socket);
  sc_core::sc_start();
  // At 1 ns: a clock from acceptance to the first command, tRCD 9, CL 10, tBURST 4.
  const double expected_ns = 1 + 9 + 10 + 4, got_ns = reader.latency.to_seconds() * 1e9;
  std::printf("latency %.6f ns, expected %.6f ns\n", got_ns, expected_ns);
  return got_ns > expected_ns - 1e-6 && got_ns < expected_ns + 1e-6 ? 0 : 1;
}

/// 0 if the bench is told that its times came too early.
int expect_refusal() {
  try {
    read_once();
  } catch (const bitjoule::Error& e) {
    std::printf("%s\n", e.what());
    const std::string text = e.what();
    return text.find("expected 1 fs, got 1 ps") != std::string::npos &&
                   text.find("use_femtosecond_resolution()") != std::string::npos
               ? 0
               : 1;
  }
  return 1;
}

}  // namespace

int sc_main(int argc, char** argv) {
  const std::string bench = argc > 1 ? argv[1] : "default";
  if (bench == "early") bitjoule::use_femtosecond_resolution();
  if (bench == "femtosecond") sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  if (bench != "late") return read_once();
  const sc_core::sc_clock clock("clock", 10,
                                sc_core::SC_NS);  // its period fixes the resolution at 1 ps
  return expect_refusal();
}
