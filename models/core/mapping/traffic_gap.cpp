#include "core/mapping/traffic_gap.h"

#include <algorithm>

#include "core/error.h"

namespace bitjoule {
namespace {

constexpr std::initializer_list<BufferRole> kShared = {
    BufferRole::kInput, BufferRole::kWeight, BufferRole::kAccumulator, BufferRole::kOutput};
/// Less than this is told with what comes next.
constexpr double kFelt = 1.005;
/// So fine that whole banks cost nothing.
constexpr std::int64_t kFineBanks = 256;

void hold_one_tile(BuffersConfig& buffers) {
  const auto set = [](BufferConfig& b) { b.double_buffered = b.either_buffering = false; };
  for (const BufferRole role : kBufferRoles) set(buffers.of(role));
  if (buffers.unified) set(buffers.unified->sram);
}

void unify(BuffersConfig& buffers) {
  UnifiedBufferConfig all;
  all.sram = buffers.unified ? buffers.unified->sram : buffers.input;
  all.sram.capacity = buffers.unified ? all.sram.capacity : Bytes(0);
  for (const BufferRole role : kShared) {
    if (!buffers.unifies(role)) all.sram.capacity += buffers.of(role).capacity;
    all.roles.add(role);
  }
  all.sram.banks = std::min(kFineBanks, std::max<std::int64_t>(4, all.sram.capacity.value / 64));
  buffers.unified = all;
}

/// More than a layer has elements of 64 bits.
Bytes room_for_all(const Lowered& layer) {
  const GemmExtents& e = layer.extents;
  return Bytes(8 * e.groups * (e.m * e.n + e.k * (e.m + e.n)) + kFineBanks);
}

/// Sums and results have buffers of their own that hold the whole layer.
void free_results(const Lowered& layer, BuffersConfig& buffers) {
  for (const BufferRole role : {BufferRole::kAccumulator, BufferRole::kOutput}) {
    buffers.of(role) = buffers.unified->sram;
    buffers.of(role).capacity = room_for_all(layer);
  }
  buffers.unified->roles = {BufferRole::kInput, BufferRole::kWeight};
}

}  // namespace

std::vector<TrafficConstraint> traffic_constraints(const MappingProblem& problem,
                                                   const MappingPins& pins, const Mapping& chosen) {
  std::vector<TrafficConstraint> constraints;
  if (inputs_on_chip(problem)) return constraints;
  MappingProblem p = problem;
  MappingPins left = pins;
  auto moved = static_cast<double>(chosen.estimate.moved_bytes());
  const auto without = [&](const char* what) {
    const auto found = static_cast<double>(map_layer(p, left).estimate.moved_bytes());
    if (moved < kFelt * found) return;
    constraints.push_back({what, moved / found});
    moved = found;
  };
  left.objective = MappingObjective::kTraffic;
  left.weights.reset();
  without("the objective");
  static_cast<TilePins&>(left) = TilePins();
  left.objective = MappingObjective::kTraffic;
  without("pins");
  hold_one_tile(p.machine.buffers);
  without("two tiles in a buffer");
  unify(p.machine.buffers);
  without("fixed shares of the buffers");
  free_results(p.layer, p.machine.buffers);
  without("room for sums and results");
  p.machine.buffers.unified->sram.capacity = room_for_all(p.layer);
  without("room for operands");
  return constraints;
}

}  // namespace bitjoule
