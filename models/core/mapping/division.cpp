#include "core/mapping/division.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/folds.h"
#include "core/mapping/region.h"

namespace bitjoule {
namespace {

using PerRole = std::array<std::int64_t, kBufferRoles.size()>;

std::int64_t& of(PerRole& values, BufferRole role) {
  return values[static_cast<std::size_t>(role)];
}

/// The buffer's halves as a tiling has them.
bool doubled(const BufferConfig& buffer, BufferRole role, const Tiling& t) {
  return buffer.either_buffering ? !t.single.has(role) : buffer.double_buffered;
}

/// Partial sums of more tiles than one may live at once; then there are no halves.
std::int64_t slots_of(BufferRole role, bool is_double, std::int64_t live) {
  if (role == BufferRole::kAccumulator && live > 1) return live;
  return is_double ? 2 : 1;
}

/// Bytes of all activations, where they stay in the buffers between layers.
std::int64_t resident_bytes(const MappingProblem& p, BufferRole role) {
  const Lowered& l = p.layer;
  if (p.activations == ActivationMemory::kDram) return 0;
  if (role == BufferRole::kInput)
    return region_bytes(p.path.activations.layout, l.input_elements() / l.channels, l.channels)
        .total();
  if (role == BufferRole::kOutput)
    return region_bytes(p.path.output.layout, l.output_elements() / l.extents.n, l.extents.n)
        .total();
  return 0;
}

/// Banks of the unified buffer that each of its roles fills.
PerRole filled_banks(const MappingProblem& p, const Tiling& t, const TileFootprint& f) {
  const UnifiedBufferConfig& unified = *p.machine.buffers.unified;
  const std::int64_t live = live_output_tiles(t, trip_counts(p.layer, t));
  PerRole banks{};
  for (const BufferRole role : kBufferRoles) {
    if (!unified.roles.has(role)) continue;
    const std::int64_t tiles =
        f.of(role).value * slots_of(role, doubled(unified.sram, role, t), live);
    const std::int64_t bytes = std::max(tiles, resident_bytes(p, role));
    of(banks, role) = std::max<std::int64_t>(1, ceil_div(bytes, unified.bank().value));
  }
  return banks;
}

std::int64_t sum(const PerRole& banks) {
  std::int64_t all = 0;
  for (const std::int64_t some : banks) all += some;
  return all;
}

/// Accesses of one kind, one after the other, for an output tile.
struct PortUse {
  BufferRole role;
  std::int64_t accesses;  ///< rows, steps, results or batches of the output unit
  std::int64_t bits;      ///< of each, side by side
  std::int64_t least;     ///< cycles of each however wide the port is: what else it waits for
};

/// What the array and the output unit ask of the ports for an output tile of the groups that are on
/// the array at once.
std::array<PortUse, 5> port_uses(const MappingProblem& p, const Tiling& t) {
  const ArrayDataflow& dataflow = dataflow_of(p);
  const std::int64_t macs = p.path.macs_per_pe;
  const GemmExtents& e = p.layer.extents;
  const FoldExtents fold = fold_extents(p, {t.m(), t.n, t.k});
  const auto shaped = [&](const FoldExtents& one) {
    return dataflow.entries(side_by_side(dataflow.shape(one, macs), t.groups_at_once));
  };
  const FoldEntries widths = shaped(largest_fold(p));
  const FoldEntries counts = shaped(fold);
  const std::int64_t folds =
      ceil_div(t.m(), fold.m) * ceil_div(t.n, fold.n) * ceil_div(t.k, fold.k) * ceil_div(e.k, t.k);
  // The array's own intervals: those of ports as wide as one likes.
  BuffersConfig wide = p.machine.buffers;
  for (const BufferRole role : kBufferRoles)
    if (wide.unifies(role)) wide.of(role) = {Bytes(0), 1, Bits(std::int64_t{1} << 40), true, false};
  const ArrayRates least = array_rates(p, t.groups_at_once, wide);
  const auto operand = [&](BufferRole role, const Entries& count, const Entries& width, bool stays,
                           std::int64_t bits) {
    return PortUse{role, folds * count.count, width.width * macs * bits,
                   stays ? least.load_interval : least.stream_interval};
  };
  const std::int64_t lanes = p.machine.output_unit.lanes;
  const std::int64_t batches = ceil_div(t.groups_at_once * t.m() * t.n, lanes);
  return {operand(BufferRole::kInput, counts.inputs, widths.inputs, dataflow.inputs_stay(),
                  p.path.activations.code_bits),
          operand(BufferRole::kWeight, counts.weights, widths.weights, dataflow.weights_stay(),
                  weight_read_bits(p)),
          PortUse{BufferRole::kAccumulator, folds * counts.results.count, widths.results.width * 32,
                  dataflow.outputs_stay() ? least.drain_interval : least.stream_interval},
          PortUse{BufferRole::kAccumulator, batches, lanes * 32, 1},
          PortUse{BufferRole::kOutput, batches, lanes * p.path.output.code_bits, 1}};
}

/// Gives the banks left over to the ports that hold up most. Returns whether none holds anything up
/// in the end.
bool share_out(const MappingProblem& p, const Tiling& t, PerRole& banks) {
  const UnifiedBufferConfig& unified = *p.machine.buffers.unified;
  const std::int64_t width = unified.sram.port_width.value;
  const std::array<PortUse, 5> uses = port_uses(p, t);
  std::int64_t left = unified.sram.banks - sum(banks);
  const auto interval = [&](const PortUse& use) {
    return ceil_div(use.bits, of(banks, use.role) * width);
  };
  const auto missing = [&](const PortUse& use) {
    return ceil_div(use.bits, (interval(use) - 1) * width) - of(banks, use.role);
  };
  bool all_free = true;
  while (true) {
    const PortUse* slowest = nullptr;
    std::int64_t longest = 0;
    all_free = true;
    for (const PortUse& use : uses) {
      if (!unified.roles.has(use.role) || interval(use) <= use.least) continue;
      all_free = false;
      const std::int64_t cycles = use.accesses * interval(use);
      if (cycles > longest && missing(use) <= left) slowest = &use, longest = cycles;
    }
    if (slowest == nullptr) return all_free;
    const std::int64_t some = missing(*slowest);
    of(banks, slowest->role) += some;
    left -= some;
  }
}

/// Whether the tiles fit the fixed buffers; settles their halves.
bool settle_fixed(const MappingProblem& p, const Tiling& t, const TileFootprint& f,
                  BuffersConfig& buffers) {
  const std::int64_t live = live_output_tiles(t, trip_counts(p.layer, t));
  for (const BufferRole role : kBufferRoles) {
    if (buffers.unifies(role)) continue;
    BufferConfig& buffer = buffers.of(role);
    buffer.double_buffered = doubled(buffer, role, t);
    if (f.of(role).value * slots_of(role, buffer.double_buffered, live) > buffer.capacity.value)
      return false;
  }
  return true;
}

struct Division {
  BuffersConfig buffers;
  bool ports_are_free = true;  ///< no port of the unified buffer holds the array up
};

std::optional<Division> division(const MappingProblem& p, const Tiling& t, const TileFootprint& f) {
  Division d{p.machine.buffers};
  if (!settle_fixed(p, t, f, d.buffers)) return std::nullopt;
  if (!d.buffers.unified) return d;
  const UnifiedBufferConfig& unified = *d.buffers.unified;
  PerRole banks = filled_banks(p, t, f);
  if (sum(banks) > unified.sram.banks) return std::nullopt;
  d.ports_are_free = share_out(p, t, banks);
  for (const BufferRole role : kBufferRoles)
    if (unified.roles.has(role)) {
      BufferConfig& share = d.buffers.of(role);
      share = unified.sram;
      share.banks = of(banks, role);
      share.capacity = Bytes(share.banks * unified.bank().value);
      share.double_buffered = doubled(unified.sram, role, t);
    }
  d.buffers.divided = true;
  return d;
}

}  // namespace

std::optional<BuffersConfig> divide(const MappingProblem& p, const Tiling& t,
                                    const TileFootprint& f) {
  const std::optional<Division> d = division(p, t, f);
  return d ? std::optional<BuffersConfig>(d->buffers) : std::nullopt;
}

namespace {

/// Roles that may have one tile or two, beside those that have no room for two.
struct OpenRoles {
  BufferRoles single;
  std::vector<BufferRole> open;
};
OpenRoles open_roles(const MappingProblem& p, const Tiling& tiling, const TileFootprint& f) {
  const BuffersConfig& b = p.machine.buffers;
  Tiling t = tiling;
  t.single = {};
  const bool many = live_output_tiles(t, trip_counts(p.layer, t)) > 1;
  OpenRoles roles;
  for (const BufferRole role : kBufferRoles) {
    if (role == BufferRole::kAccumulator && many) continue;  // halves change nothing
    if (!b.unifies(role)) {
      if (b.of(role).either_buffering && Bytes(f.of(role).value * 2) > b.of(role).capacity)
        roles.single.add(role);
    } else if (b.unified->sram.either_buffering) {
      roles.open.push_back(role);
    }
  }
  return roles;
}

}  // namespace

std::vector<Buffering> bufferings(const MappingProblem& p, const Tiling& tiling,
                                  const TileFootprint& f) {
  const auto [fixed, open] = open_roles(p, tiling, f);
  Tiling t = tiling;
  std::vector<Buffering> all;
  for (std::uint32_t chosen = 0; chosen < 1U << open.size(); ++chosen) {
    t.single = fixed;
    for (std::size_t i = 0; i < open.size(); ++i)
      if ((chosen >> i & 1U) != 0) t.single.add(open[i]);
    const std::optional<Division> d = division(p, t, f);
    if (!d) continue;
    all.push_back({t.single, d->buffers});
    if (chosen == 0 && d->ports_are_free) break;
  }
  return all;
}

bool can_be_divided(const MappingProblem& p, const Tiling& tiling, const TileFootprint& f) {
  const OpenRoles roles = open_roles(p, tiling, f);
  Tiling t = tiling;
  t.single = roles.single;
  for (const BufferRole role : roles.open) t.single.add(role);
  BuffersConfig buffers = p.machine.buffers;
  return settle_fixed(p, t, f, buffers) &&
         (!buffers.unified || sum(filled_banks(p, t, f)) <= buffers.unified->sram.banks);
}

MappingProblem divided(MappingProblem p, const Tiling& tiling) {
  if (!p.machine.buffers.flexible()) return p;
  const std::optional<BuffersConfig> buffers = divide(p, tiling, tile_footprint(p, tiling));
  if (!buffers) throw internal_error("divided: " + misfit(p, tiling, tile_footprint(p, tiling)));
  p.machine.buffers = *buffers;
  return p;
}

MappingProblem roomiest(MappingProblem p) {
  BuffersConfig& b = p.machine.buffers;
  for (const BufferRole role : kBufferRoles) {
    BufferConfig& buffer = b.of(role);
    if (b.unifies(role)) {
      buffer = b.unified->sram;
      buffer.banks -= b.unified->roles.size() - 1;
      buffer.capacity = Bytes(buffer.banks * b.unified->bank().value);
    }
    if (buffer.either_buffering) buffer.double_buffered = false;
  }
  return p;
}

std::string unified_misfit(const MappingProblem& p, const Tiling& t, const TileFootprint& f) {
  if (!p.machine.buffers.unified) return "";
  const UnifiedBufferConfig& unified = *p.machine.buffers.unified;
  PerRole banks = filled_banks(p, t, f);
  if (sum(banks) <= unified.sram.banks) return "";
  std::string uses;
  for (const BufferRole role : kBufferRoles)
    if (unified.roles.has(role))
      uses += fmt::format("{}{} {}{}", uses.empty() ? "" : ", ", enum_name(role), of(banks, role),
                          resident_bytes(p, role) > 0 ? " for all of them, as they stay on chip"
                          : doubled(unified.sram, role, t) ? " for two halves"
                                                           : "");
  return fmt::format("tiles take {} banks of the unified buffer, which has {} of {} B: {}",
                     sum(banks), unified.sram.banks, unified.bank().value, uses);
}

void require_divided(const BuffersConfig& buffers) {
  if (!buffers.unified) return;
  const UnifiedBufferConfig& unified = *buffers.unified;
  std::int64_t banks = 0;
  for (const BufferRole role : kBufferRoles)
    if (unified.roles.has(role)) banks += buffers.of(role).banks;
  if (!buffers.divided || banks > unified.sram.banks)
    throw internal_error(
        fmt::format("the unified buffer of {} banks is {}", unified.sram.banks,
                    buffers.divided ? fmt::format("divided into {}", banks) : "not divided"));
}

bool same_weight_slots(const BuffersConfig& layer, const BuffersConfig& next) {
  const auto same = [](const BufferConfig& a, const BufferConfig& b) {
    return a.capacity == b.capacity && a.double_buffered == b.double_buffered;
  };
  return same(layer.weight, next.weight) && same(layer.scale, next.scale);
}

}  // namespace bitjoule
