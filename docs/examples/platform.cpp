// Somebody else's platform: an initiator of its own reads from bitjoule's DRAM, and then the whole
// accelerator runs a layer in the same simulation.
#include <tlm_utils/simple_initiator_socket.h>

#include <cstdio>
#include <systemc>
#include <tlm>

#include "bitjoule/core/mapping/mapper.h"
#include "bitjoule/hw/accelerator.h"
#include "bitjoule/hw/dram.h"
#include "bitjoule/run/layer_runner.h"

struct Reader : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Reader> socket{"socket"};
  explicit Reader(sc_core::sc_module_name name) : sc_module(name) {
    SC_HAS_PROCESS(Reader);
    SC_THREAD(work);
  }
  void work() {
    tlm::tlm_generic_payload payload;
    payload.set_read();
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    std::printf("%s after %s\n", payload.get_response_string().c_str(),
                (sc_core::sc_time_stamp() + delay).to_string().c_str());
  }
};

int sc_main(int, char**) {
  using namespace bitjoule;
  use_femtosecond_resolution();  // before any module or time
  const DramConfig pipe{"pipe", IdealDramConfig{BytesPerSecond(12'800'000'000)}, {}};
  AcceleratorConfig config;
  Reader reader("reader");
  Dram memory("memory", pipe);
  reader.socket.bind(memory.socket);
  Accelerator accelerator("accelerator", config, pipe, Fidelity::kFast);
  const MappingProblem problem =
      make_problem(config, accelerator.memory(), Gemm{16, 64, 64}, Precision{}, MappingPins{});
  const Program program = make_program(problem, map_layer(problem).tiling);
  const LayerOutcome outcome = accelerator.run(problem, program, nullptr);
  std::printf("%lld cycles, %lld MACs\n", static_cast<long long>(outcome.cycles.value),
              static_cast<long long>(outcome.counts.macs));
  return outcome.counts.macs == 16 * 64 * 64 ? 0 : 1;
}
