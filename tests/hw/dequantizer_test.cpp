#include "hw/dequantizer.h"

#include <doctest/doctest.h>

#include "hw/time.h"

namespace bitjoule::dequantizer_test {

TEST_CASE("dequantizer: a tile is ready when its lanes are done, and not before its last burst") {
  use_femtosecond_resolution();
  DequantizerConfig config;
  config.lanes = 16;
  config.latency = Cycles(4);
  Dequantizer dequantizer("dequantizer", config);
  MachineCounts counts;
  LayerRun run;
  run.counts = &counts;
  dequantizer.start(run);
  // 1024 elements at 16 a cycle from cycle 100 on: 64 cycles, then the pipeline.
  CHECK(dequantizer.pass_tile(1024, 64, Cycles(100), Cycles(110)) == Cycles(100 + 64 + 4));
  // The next tile waits for the lanes, not for the latency.
  CHECK(dequantizer.pass_tile(160, 64, Cycles(120), Cycles(130)) == Cycles(164 + 10 + 4));
  // A slow memory: the last burst of 64 elements takes four cycles after it has arrived.
  CHECK(dequantizer.pass_tile(160, 64, Cycles(200), Cycles(300)) == Cycles(300 + 4 + 4));
  dequantizer.pass(3, 5);
  CHECK(counts.dequantized_weights == 3);  // tiles are counted by whom they belong to
  CHECK(counts.dequantized_inputs == 5);
}

}  // namespace bitjoule::dequantizer_test
