// Two accelerators and a processor share one DRAM: each takes part of its bandwidth.
#include <tlm_utils/simple_initiator_socket.h>

#include <cstdio>
#include <systemc>
#include <tlm>

#include "bitjoule/core/mapping/mapper.h"
#include "bitjoule/hw/accelerator.h"
#include "bitjoule/hw/dram.h"
#include "bitjoule/hw/memory_arbiter.h"
#include "bitjoule/run/layer_runner.h"

using namespace bitjoule;

const DramConfig kPipe{"pipe", IdealDramConfig{BytesPerSecond(12'800'000'000)}, {}};
const LayerOp kLayer = Gemm{1, 1024, 1024};  // 1 MiB of weights, each used once

// Runs a layer like a driver: begins it, does other things, takes the outcome when it is finished.
struct Core : sc_core::sc_module {
  Accelerator accelerator;
  Cycles cycles{0};

  Core(sc_core::sc_module_name name, const AcceleratorConfig& config)
      : sc_module(name),
        accelerator("accelerator", config, memory_port(kPipe, config.clock), Fidelity::kFast) {
    SC_HAS_PROCESS(Core);
    SC_THREAD(work);
  }
  void work() {
    const MappingProblem problem =
        make_problem(AcceleratorConfig(), accelerator.memory(), kLayer, Precision{}, MappingPins{});
    const Program program = make_program(problem, map_layer(problem).tiling);
    accelerator.begin(problem, program, nullptr);
    wait(accelerator.finished());
    cycles = accelerator.finish().cycles;
  }
};

struct Processor : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Processor> socket{"socket"};
  explicit Processor(sc_core::sc_module_name name) : sc_module(name) {
    SC_HAS_PROCESS(Processor);
    SC_THREAD(work);
  }
  void work() {
    tlm::tlm_generic_payload payload;
    payload.set_read();
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    std::printf("processor: %s after %s\n", payload.get_response_string().c_str(),
                sc_core::sc_time_stamp().to_string().c_str());
  }
};

int sc_main(int, char**) {
  use_femtosecond_resolution();  // before any module or time
  const AcceleratorConfig config;
  Core first("first", config), second("second", config);
  Processor processor("processor");
  MemoryArbiter arbiter("arbiter");
  Dram memory("memory", kPipe);
  first.accelerator.to_dram.bind(arbiter.from_initiators);
  second.accelerator.to_dram.bind(arbiter.from_initiators);
  processor.socket.bind(arbiter.from_initiators);
  arbiter.to_memory.bind(memory.socket);
  sc_core::sc_start();
  std::printf("first: %lld cycles, second: %lld cycles; the memory read %lld bytes\n",
              static_cast<long long>(first.cycles.value),
              static_cast<long long>(second.cycles.value),
              static_cast<long long>(memory.stats().read_bytes));
  return 0;
}
