#include "core/mapping/program_transfers.h"

#include <algorithm>
#include <cmath>

#include "core/index.h"

namespace bitjoule {

TileTransfer transfer_of(const MappingProblem& p, const Program& program, std::size_t stream,
                         std::size_t operation, double usable) {
  constexpr Stream kMoved[] = {Stream::kInputs, Stream::kWeights, Stream::kOutputs};
  TileTransfer t;
  t.tensor = kMoved[stream];
  t.tile.n = static_cast<std::int64_t>(operation);
  t.usable = usable;
  const Region& region = region_of(program, t);
  const std::int64_t burst = p.memory.burst_bytes;
  const std::int64_t many = p.machine.dma.bursts_per_request(burst);
  if (!region.empty()) {
    const auto bursts = static_cast<double>(bursts_of(region, burst));
    t.requests = many == 1 ? bursts : static_cast<double>(bursts_of(region, burst * many));
    t.bursts = bursts / t.requests;
  }
  if (stream != kWeightStream) return t;
  t.elements = program.weight_loads[operation].dequantize;
  t.last_elements = t.elements / std::max<std::int64_t>(1, std::llround(t.requests));
  return t;
}

const Region& region_of(const Program& program, const TileTransfer& t) {
  const std::size_t operation = at(t.tile.n);
  if (t.tensor == Stream::kOutputs) return program.stores[operation].region;
  return (t.tensor == Stream::kInputs ? program.input_loads : program.weight_loads)[operation]
      .region;
}

}  // namespace bitjoule
