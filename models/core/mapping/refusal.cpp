#include "core/mapping/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/region.h"

namespace bitjoule {
namespace {

/// A buffer that a tile exceeds.
struct Lack {
  BufferRole role;
  std::int64_t tile, would_do;  ///< bytes
};

bool has_halves(const BufferConfig& buffer) {
  return buffer.double_buffered && !buffer.either_buffering;
}

/// The least capacity of so many bytes: banks are equal, and none is smaller than its port.
std::int64_t capacity_of(std::int64_t bytes, const BufferConfig& buffer) {
  return std::max(align(bytes, buffer.banks), buffer.banks * ceil_div(buffer.port_width.value, 8));
}

std::vector<Lack> lacks(const MappingProblem& p, const TileFootprint& tile) {
  std::vector<Lack> all;
  for (const BufferRole role : {BufferRole::kInput, BufferRole::kWeight, BufferRole::kScale,
                                BufferRole::kAccumulator, BufferRole::kOutput}) {
    const BufferConfig& buffer = p.machine.buffers.of(role);
    if (p.machine.buffers.unifies(role)) continue;
    const std::int64_t bytes = tile.of(role).value * (has_halves(buffer) ? 2 : 1);
    if (bytes > buffer.capacity.value)
      all.push_back({role, tile.of(role).value, capacity_of(bytes, buffer)});
  }
  return all;
}

std::int64_t bytes_of(const std::vector<Lack>& lacks) {
  std::int64_t bytes = 0;
  for (const Lack& lack : lacks) bytes += lack.would_do;
  return bytes;
}

}  // namespace

void refuse_layer(const MappingProblem& p, const MappingSpace& space) {
  std::array<std::int64_t, kAxes> smallest{};
  for (std::size_t a = 0; a < kAxes; ++a) smallest[a] = space.sizes[a].front();
  const auto footprint = [&] { return tile_footprint(p, space.tiling(0, smallest)); };
  // A longer k may hold less of the inputs: channels of one kernel position, not parts of two.
  std::vector<Lack> least = lacks(p, footprint());
  for (const std::int64_t k : space.sizes[kAxisK]) {
    smallest[kAxisK] = k;
    std::vector<Lack> some = lacks(p, footprint());
    if (some.size() < least.size() ||
        (some.size() == least.size() && bytes_of(some) < bytes_of(least)))
      least = std::move(some);
  }
  std::string reasons;
  for (const Lack& lack : least) {
    const BufferConfig& buffer = p.machine.buffers.of(lack.role);
    reasons += fmt::format(
        "{}{} B of the {} buffer, which has {} B{}; {} B would do", reasons.empty() ? "" : ", and ",
        lack.tile, enum_name(lack.role), buffer.capacity.value,
        has_halves(buffer) ? " for two tiles (double-buffered)" : "", lack.would_do);
  }
  if (!least.empty())
    throw input_error("no tile of the layer fits the machine: the smallest takes " + reasons);
  smallest[kAxisK] = space.sizes[kAxisK].front();
  Tiling t = space.tiling(0, smallest);
  for (const BufferRole role : kBufferRoles) t.single.add(role);
  throw input_error(
      fmt::format("no tile of the layer fits the machine; of the smallest one, the {}",
                  misfit(p, t, tile_footprint(p, t))));
}

}  // namespace bitjoule
