// How an attention is cut into tiles that fit the buffers.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/attention.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/input_scales.h"
#include "core/mapping/tile_bytes.h"

namespace bitjoule {

TensorFormat probability_format(const TensorFormat& activations) {
  const StorageLayout layout = storage_layout(activations);
  const FormatClass cls = layout.format->cls;
  TensorFormat format;
  format.format = activations.format;
  if (cls == FormatClass::kInteger) {
    format.granularity = Granularity::kPerTensor;
    format.symmetric = true;
    return format;
  }
  if (layout.scales.present() || layout.interleaved() || cls != FormatClass::kFloat)
    throw input_error(fmt::format(
        "mapping.attention: fused: probabilities are stored as activations are, and scales of {} "
        "would have to be found in each tile; choose a float or an integer format, or unfused",
        activations.format));
  return format;
}

AttentionProblem attention_problem(const Attention& op, MappingProblem scores,
                                   MappingProblem context) {
  check_attention(op);
  if (context.path.mac.is_integer) context.path.scale_group = op.keys();
  return {op, std::move(scores), std::move(context)};
}

std::vector<QueryTile> query_tiles(const Attention& op, const AttentionTiling& t) {
  std::vector<QueryTile> tiles;
  for (std::int64_t h = 0; h < op.shared(); h += t.heads)
    for (std::int64_t q = 0; q < op.queries(); q += t.queries) {
      QueryTile tile{
          h, std::min(h + t.heads, op.shared()), q, std::min(q + t.queries, op.queries()), {}};
      tile.keys = visible_keys(op, tile.q0, tile.q1);
      tiles.push_back(tile);
    }
  return tiles;
}

namespace {

constexpr std::int64_t kSumBytes = 4;

/// Bytes that all of a tiling's tiles take at once, in a buffer of one or two slots.
std::int64_t demand(const AttentionProblem& p, const AttentionTiling& t, BufferRole role,
                    bool two_slots) {
  const Attention& op = p.op;
  const std::int64_t slots = two_slots ? 2 : 1, rows = t.rows();
  switch (role) {
    case BufferRole::kInput:
      return slots * (buffer_bytes(p.scores.path.activations.layout, rows * op.key_dim()) +
                      buffer_bytes(p.context.path.activations.layout, rows * t.keys));
    case BufferRole::kWeight:
      return slots * std::max(weight_buffer_bytes(p.scores, 1, t.keys, op.key_dim()),
                              weight_buffer_bytes(p.context, 1, op.value_dim(), t.keys));
    case BufferRole::kAccumulator:
      return kSumBytes * rows * (op.value_dim() + slots * t.keys);
    case BufferRole::kOutput:
      return slots * buffer_bytes(p.context.path.output.layout, rows * op.value_dim());
    case BufferRole::kScale:
      break;
  }
  return sink_bytes(op) + slots * (std::max(parameter_bytes(p.scores, 1, t.keys, op.key_dim()),
                                            parameter_bytes(p.context, 1, op.value_dim(), t.keys)) +
                                   ceil_div(rows * input_scale_record_bits(p.scores), 8));
}

/// Banks of a unified buffer as the tiles fill them; what is left goes round.
std::optional<BuffersConfig> shared_out(const AttentionProblem& p, const AttentionTiling& t,
                                        BuffersConfig b) {
  const UnifiedBufferConfig& unified = *b.unified;
  const std::int64_t bank = unified.bank().value;
  std::int64_t left = unified.sram.banks;
  std::vector<BufferRole> roles;
  for (const BufferRole role : kBufferRoles) {
    if (!unified.roles.has(role)) continue;
    roles.push_back(role);
    BufferConfig& share = b.of(role);
    share = unified.sram;
    share.banks =
        std::max<std::int64_t>(1, ceil_div(demand(p, t, role, share.double_buffered), bank));
    left -= share.banks;
  }
  if (left < 0) return {};
  for (std::size_t i = 0; left > 0; ++i, --left) ++b.of(roles[i % roles.size()]).banks;
  for (const BufferRole role : roles) b.of(role).capacity = Bytes(b.of(role).banks * bank);
  b.divided = true;
  return b;
}

/// The first buffer that is too small for a tiling.
struct Misfit {
  BufferRole role;
  std::int64_t bytes;
};
std::optional<Misfit> misfit(const AttentionProblem& p, const AttentionTiling& t,
                             const BuffersConfig& b) {
  for (const BufferRole role : kBufferRoles) {
    const std::int64_t bytes = demand(p, t, role, b.of(role).double_buffered);
    if (bytes > b.of(role).capacity.value) return Misfit{role, bytes};
  }
  return {};
}

/// The buffers as a tiling has them; none where it does not fit. Two slots where there may be.
std::optional<BuffersConfig> buffers_for(const AttentionProblem& p, const AttentionTiling& t) {
  const BuffersConfig& b = p.context.machine.buffers;
  if (b.divided || !b.flexible()) {
    if (misfit(p, t, b)) return {};
    return b;
  }
  for (const bool single : {false, true}) {
    BuffersConfig with = b;
    const auto halve = [&](BufferConfig& buffer) {
      if (buffer.either_buffering) buffer.double_buffered = !single;
    };
    for (const BufferRole role : kBufferRoles) halve(with.of(role));
    if (with.unified) {
      halve(with.unified->sram);
      const auto shares = shared_out(p, t, with);
      if (!shares) continue;
      with = *shares;
      for (const BufferRole role : kBufferRoles) halve(with.of(role));
    }
    if (!misfit(p, t, with)) return with;
  }
  return {};
}

[[noreturn]] void refuse(const AttentionProblem& p, const AttentionTiling& least) {
  BuffersConfig b = p.context.machine.buffers;
  for (const BufferRole role : kBufferRoles)
    if (b.of(role).either_buffering) b.of(role).double_buffered = false;
  const std::string tile =
      fmt::format("attention: a tile of {} head{}, {} quer{} and {} key{}", least.heads,
                  least.heads == 1 ? "" : "s", least.queries, least.queries == 1 ? "y" : "ies",
                  least.keys, least.keys == 1 ? "" : "s");
  if (!b.unified)
    if (const auto found = misfit(p, least, b))
      throw input_error(fmt::format("{} takes {} B of the {} buffer, which holds {} B", tile,
                                    found->bytes, enum_name(found->role),
                                    b.of(found->role).capacity.value));
  std::vector<std::string> roles;
  for (const BufferRole role : kBufferRoles)
    roles.push_back(fmt::format("{} {} B", enum_name(role), demand(p, least, role, false)));
  throw input_error(fmt::format("{} does not fit the buffers: {}", tile, fmt::join(roles, ", ")));
}

/// What a tiling takes, by a rule that ranks them: every step costs the array's time or the vector
/// unit's, whichever is longer, or that of its bytes.
struct TilingCost {
  double cycles = 0, bytes = 0;
  double busy = 0;  ///< cycles of the array and of the vector unit, together
};

/// Cycles of the units for so many rows and keys, behind the first tile of them, whose sums are
/// added.
struct StepCost {
  double array = 0, vector = 0;
};
StepCost step_cost(const AttentionProblem& p, std::int64_t rows, std::int64_t keys) {
  const ComputeOp scores = scores_operation(p, rows, {0, keys});
  const ComputeOp context = context_operation(p, rows, {0, keys});
  return {
      static_cast<double>(array_operation(p.scores, scores.tile).computed +
                          array_operation(p.context, context.tile).computed),
      static_cast<double>((scores_job(p, rows, keys).cycles + rescale_job(p, rows).cycles).value)};
}

/// Of the steps of a group.
struct StepSums {
  double units = 0, busy = 0, steps = 0, results = 0, seen = 0;
};
StepSums sums_of_steps(const AttentionProblem& p, const AttentionTiling& t) {
  std::map<std::pair<std::int64_t, std::int64_t>, StepCost> known;
  StepSums sum;
  const auto add = [&](std::int64_t rows, std::int64_t keys, std::int64_t times) {
    if (keys == 0 || times == 0) return;
    const auto [found, is_new] = known.try_emplace({rows, keys});
    if (is_new) found->second = step_cost(p, rows, keys);
    const StepCost& cost = found->second;
    const auto n = static_cast<double>(times);
    sum.units += n * std::max(cost.array, cost.vector);
    sum.busy += n * (cost.array + cost.vector);
    sum.steps += n;
  };
  for (const QueryTile& tile : query_tiles(p.op, t)) {
    const std::int64_t rows = tile.rows(), count = tile.keys.count();
    add(rows, t.keys, count / t.keys);
    add(rows, count % t.keys, 1);
    sum.results += static_cast<double>(results_job(p, rows).cycles.value);
    sum.seen += static_cast<double>(count);
  }
  return sum;
}

TilingCost cost_of(const AttentionProblem& p, const AttentionTiling& t) {
  const Attention& op = p.op;
  const StepSums sum = sums_of_steps(p, t);
  const StepCost one = step_cost(p, t.rows(), t.keys);
  const auto row_bytes = [](const MappingProblem& q, std::int64_t length) {
    return static_cast<double>(region_bytes(q.path.weights.layout, 1, length).total());
  };
  const auto groups = static_cast<double>(op.groups());
  const double fixed = static_cast<double>(op.scores.batch * op.queries()) *
                       static_cast<double>(p.scores.path.activations.code_bits * op.key_dim() +
                                           p.context.path.output.code_bits * op.value_dim()) /
                       8;
  TilingCost cost;
  cost.bytes =
      fixed + groups * sum.seen *
                  (row_bytes(p.scores, op.key_dim()) + row_bytes(p.context, op.value_dim()));
  const double rate = p.context.memory.bytes_per_cycle;
  const double first = cost.bytes / (rate * std::max(1.0, groups * sum.steps));
  cost.busy = groups * (sum.busy + sum.results);
  cost.cycles = std::max(groups * (sum.units + sum.results), cost.bytes / rate) + first +
                std::min(one.array, one.vector);
  return cost;
}

struct Candidate {
  AttentionMapping mapping;
  TilingCost cost;
};

/// By the objective: the one with least traffic (energy goes by it and by what the units do), the
/// fastest, or, for both, of those that are all but the fastest the one with least traffic.
const Candidate& choice(const std::vector<Candidate>& all, const ObjectiveWeights& weights) {
  constexpr double kAsFast = 1.02;
  const auto least = [&all](auto key) {
    return std::min_element(all.begin(), all.end(), [&](const Candidate& a, const Candidate& b) {
      return key(a.cost) < key(b.cost);
    });
  };
  if (weights.cycles == 0 && weights.energy == 0)
    return *least([](const TilingCost& c) { return std::array{c.bytes, c.cycles}; });
  if (weights.cycles == 0)
    return *least([](const TilingCost& c) { return std::array{c.bytes, c.busy}; });
  if (weights.energy == 0 && weights.traffic == 0)
    return *least([](const TilingCost& c) { return std::array{c.cycles, c.bytes}; });
  const double fastest = least([](const TilingCost& c) { return c.cycles; })->cost.cycles;
  return *least([&](const TilingCost& c) {
    return c.cycles <= kAsFast * fastest ? std::array{0.0, c.bytes, c.busy}
                                         : std::array{1.0, c.cycles, 0.0};
  });
}

/// 1, 2, 4, ... and `most`; or what is pinned.
std::set<std::int64_t> sizes(std::int64_t most, const std::optional<std::int64_t>& pinned) {
  if (pinned) return {std::min(*pinned, most)};
  std::set<std::int64_t> all;
  for (std::int64_t size = 1; size < most; size *= 2) all.insert(size);
  all.insert(most);
  return all;
}

std::vector<std::string> pin_notes(const MappingPins& pins) {
  std::vector<std::string> names;
  const auto add = [&](bool is_set, const char* name) {
    if (is_set) names.emplace_back(name);
  };
  add(pins.order.has_value(), "order");
  add(pins.fold_order.has_value(), "fold_order");
  add(pins.tile_k.has_value(), "tile.k");
  add(pins.tile_batch || pins.tile_rows || pins.tile_cols, "tile.batch, rows or cols");
  add(pins.tile_groups.has_value(), "tile.groups");
  add(pins.finalists.has_value(), "finalists");
  add(pins.activation_layout == DramLayout::kTiled, "activation_layout");
  if (names.empty()) return {};
  return {fmt::format("mapping: no effect on fused attention: {}", fmt::join(names, ", "))};
}

}  // namespace

AttentionProblem configured(AttentionProblem p, const AttentionMapping& mapping) {
  for (MappingProblem* product : {&p.scores, &p.context})
    product->machine = configured(product->machine, mapping.setting);
  if (const auto buffers = buffers_for(p, mapping.tiling))
    p.scores.machine.buffers = p.context.machine.buffers = *buffers;
  if (p.context.path.mac.is_integer) p.context.path.scale_group = mapping.tiling.keys;
  return p;
}

AttentionMapping map_attention(const AttentionProblem& problem, const MappingPins& pins) {
  const Attention& op = problem.op;
  const KeyRange all = visible_keys(op, 0, op.queries());
  const ObjectiveWeights weights =
      pins.weights.value_or(weights_of(pins.objective.value_or(MappingObjective::kEdp)));
  const std::set<std::int64_t> keys = sizes(all.count(), pins.tile_n);
  const std::set<std::int64_t> queries = sizes(op.queries(), pins.tile_m);
  std::vector<Candidate> candidates;
  for (const MachineSetting& setting : settings(problem.context.machine)) {
    if (pins.dataflow && *pins.dataflow != setting.dataflow) continue;
    for (const std::int64_t heads : sizes(op.shared(), {}))
      for (const std::int64_t q : queries) {
        if (heads < op.shared() && q > 1) break;  // heads come first: they share keys and values
        for (const std::int64_t k : keys) {
          const AttentionMapping mapping{setting, {heads, q, k}, {}};
          if (!buffers_for(problem, mapping.tiling)) break;  // nor do more keys fit
          candidates.push_back({mapping, cost_of(configured(problem, mapping), mapping.tiling)});
        }
      }
  }
  if (candidates.empty()) refuse(problem, {1, *queries.begin(), *keys.begin()});
  AttentionMapping best = choice(candidates, weights).mapping;
  best.notes = pin_notes(pins);
  const auto clipped = [&](const char* name, const std::optional<std::int64_t>& pin,
                           std::int64_t most) {
    if (pin && *pin > most)
      best.notes.push_back(
          fmt::format("mapping.tile.{}: {} pinned, the layer has {}", name, *pin, most));
  };
  clipped("m", pins.tile_m, op.queries());
  clipped("n", pins.tile_n, all.count());
  return best;
}

}  // namespace bitjoule
