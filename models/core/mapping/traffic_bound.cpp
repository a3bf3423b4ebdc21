#include "core/mapping/traffic_bound.h"

#include <algorithm>
#include <cmath>

#include "core/mapping/region.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule {
namespace {

/// Every tensor that is moved, once: the layer as one tile.
double compulsory_bytes(const MappingProblem& p) {
  const Lowered& l = p.layer;
  Tiling all;
  all.groups = l.extents.groups;
  all.batch = l.batch;
  all.out_rows = l.out_height;
  all.out_cols = l.out_width;
  all.n = l.extents.n;
  all.k = l.extents.k;
  const TileLayout layout(p, all);
  double bytes = 0;
  for (const Stream stream : kStreams)
    if (layout.moves(stream))
      bytes += static_cast<double>(layout.transfer(stream, {}).region.bytes());
  return bytes;
}

}  // namespace

TrafficBound traffic_bound(const MappingProblem& p) {
  const Lowered& l = p.layer;
  TrafficBound bound;
  bound.compulsory = compulsory_bytes(p);
  if (inputs_on_chip(p)) return bound;
  const auto shared = [](std::int64_t kernel, std::int64_t stride) {
    return std::max(1.0, static_cast<double>(kernel) / static_cast<double>(stride));
  };
  bound.reuse = shared(l.kernel_h, l.stride_h) * shared(l.kernel_w, l.stride_w);
  const double element =
      static_cast<double>(std::min({p.path.activations.layout.least_code_bits(),
                                    p.path.weights.layout.least_code_bits(), std::int64_t{32}})) /
      8;
  const BuffersConfig& b = p.machine.buffers;
  std::int64_t bytes = b.unified ? b.unified->sram.capacity.value : 0;
  for (const BufferRole role :
       {BufferRole::kInput, BufferRole::kWeight, BufferRole::kAccumulator, BufferRole::kOutput})
    if (!b.unifies(role)) bytes += b.of(role).capacity.value;
  bound.on_chip = static_cast<double>(bytes) / element;
  bound.classical =
      2 * static_cast<double>(l.extents.macs()) / std::sqrt(bound.reuse * bound.on_chip) * element;
  return bound;
}

}  // namespace bitjoule
