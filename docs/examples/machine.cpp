// A layer on a machine: what storing its weights in 8 and in 4 bits does to time and traffic.
#include "bitjoule/run/machine.h"

#include <cstdio>

#include "bitjoule/core/error.h"

int main() {
  bitjoule::RunConfig config;
  config.accelerator.name = "mine";
  config.accelerator.array.rows = config.accelerator.array.cols = 16;
  config.dram = {"pipe", bitjoule::IdealDramConfig{bitjoule::BytesPerSecond(12'800'000'000)}, {}};
  config.energy = bitjoule::no_prices();  // no joules
  config.precision.activations.format = "fp16";
  try {
    for (const char* format : {"int8", "q4_0"}) {
      config.precision.weights.format = format;
      bitjoule::Machine machine(config);
      const bitjoule::Result result = machine.run({"layer", bitjoule::Gemm{1, 256, 256}});
      bitjoule::require_verified(result);
      const bitjoule::LayerResult& layer = result.layer();
      std::printf("%s: %lld cycles, %lld bytes moved, SQNR %.1f dB\n", format,
                  static_cast<long long>(layer.outcome.cycles.value),
                  static_cast<long long>(layer.moved_bytes()), layer.check->error.sqnr_db);
    }
  } catch (const bitjoule::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
