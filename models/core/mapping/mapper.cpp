#include "core/mapping/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

using Order = std::array<LoopDim, 3>;
constexpr LoopDim kM = LoopDim::kM, kN = LoopDim::kN, kK = LoopDim::kK;
// k innermost first: partial sums of one tile only. Where all else is equal the first one wins.
constexpr Order kOrders[] = {{kM, kN, kK}, {kN, kM, kK}, {kM, kK, kN},
                             {kN, kK, kM}, {kK, kM, kN}, {kK, kN, kM}};

Order loop_dims(LoopOrder order) {
  switch (order) {
    case LoopOrder::kMnk:
      return {kM, kN, kK};
    case LoopOrder::kMkn:
      return {kM, kK, kN};
    case LoopOrder::kNmk:
      return {kN, kM, kK};
    case LoopOrder::kNkm:
      return {kN, kK, kM};
    case LoopOrder::kKmn:
      return {kK, kM, kN};
    case LoopOrder::kKnm:
      return {kK, kN, kM};
  }
  throw internal_error("loop_dims: not a loop order");
}

/// Sizes worth trying along an axis: the whole, halves, thirds, quarters, ... rounded up to
/// `quantum`.
std::vector<std::int64_t> splits(std::int64_t total, std::int64_t quantum) {
  std::vector<std::int64_t> sizes;
  const auto add = [&](std::int64_t parts) {
    const std::int64_t size = std::min(total, ceil_div(ceil_div(total, parts), quantum) * quantum);
    if (sizes.empty() || size < sizes.back()) sizes.push_back(size);
  };
  for (std::int64_t parts = 1; parts <= total; parts *= 2) {
    add(parts);
    add(parts + parts / 2);
  }
  add(total);
  return sizes;
}

struct PixelTile {
  std::int64_t batch, rows, cols;
};

/// Tiles of output pixels: whole maps, then bands of rows, then parts of a row.
std::vector<PixelTile> pixel_tiles(const Lowered& l, std::int64_t quantum) {
  std::vector<PixelTile> tiles;
  for (std::int64_t b : splits(l.batch, 1)) tiles.push_back({b, l.out_height, l.out_width});
  for (std::int64_t r : splits(l.out_height, 1))
    if (r < l.out_height) tiles.push_back({1, r, l.out_width});
  for (std::int64_t c : splits(l.out_width, quantum))
    if (c < l.out_width) tiles.push_back({1, 1, c});
  return tiles;
}

PixelTile pinned_pixels(const Lowered& l, std::int64_t m) {
  if (m < 1 || m > l.extents.m)
    throw input_error(fmt::format("mapping.tile.m: expected 1..{}, got {}", l.extents.m, m));
  if (m <= l.out_width) return {1, 1, m};
  const std::int64_t map = l.out_width * l.out_height;
  if (m < map && m % l.out_width == 0) return {1, m / l.out_width, l.out_width};
  if (m % map == 0) return {m / map, l.out_height, l.out_width};
  throw input_error(fmt::format(
      "mapping.tile.m: {} output pixels are neither part of a row of {}, nor whole rows, nor whole "
      "maps of {}",
      m, l.out_width, map));
}

/// k may be cut where no group, block or byte is cut, and at whole kernel positions or inside one.
std::int64_t k_quantum(const MappingProblem& p) {
  const std::int64_t align = std::lcm(region_alignment(p.path.weights.layout),
                                      region_alignment(p.path.activations.layout));
  const std::int64_t array = p.path.scale_group != 0
                                 ? p.path.scale_group
                                 : dataflow_of(p).quanta(p.machine.array, p.path.macs_per_pe).k;
  return std::lcm(align, array);
}

bool cheaper(MappingObjective objective, const MappingEstimate& a, const MappingEstimate& b) {
  const auto by_traffic = std::make_pair(a.moved_bytes(), b.moved_bytes());
  const auto by_cycles = std::make_pair(a.cycles, b.cycles);
  const bool traffic_first = objective == MappingObjective::kTraffic;
  const auto& [first_a, first_b] = traffic_first ? by_traffic : by_cycles;
  const auto& [then_a, then_b] = traffic_first ? by_cycles : by_traffic;
  return first_a != first_b ? first_a < first_b : then_a < then_b;
}

/// Whether the folds of a tile stream for as long as a stationary operand loads into every row, or
/// the layer has no more to stream.
bool streams_long(const MappingProblem& p, const Tiling& t) {
  const GemmExtents& e = p.layer.extents;
  const auto steps = [&](const FoldExtents& all) {
    return dataflow_of(p).shape(all, p.path.macs_per_pe).steps;
  };
  return steps({t.m(), t.n, t.k}) >= std::min(steps({e.m, e.n, e.k}), p.machine.array.rows);
}

class Search {
 public:
  Search(const MappingProblem& p, const MappingPins& pins)
      : p_(p),
        estimator_(p),
        pins_(pins),
        setting_(settings(p.machine).front()),
        objective_(pins.objective.value_or(MappingObjective::kTraffic)) {}

  Mapping run() {
    const GemmExtents& e = p_.layer.extents;
    const ArrayConfig& array = p_.machine.array;
    const std::int64_t m_quantum = dataflow_of(p_).quanta(array, p_.path.macs_per_pe).m;
    const std::vector<PixelTile> pixels =
        pins_.tile_m ? std::vector<PixelTile>{pinned_pixels(p_.layer, *pins_.tile_m)}
                     : pixel_tiles(p_.layer, m_quantum);
    const std::int64_t n_quantum = std::lcm(array.cols, n_alignment());
    for (const bool long_streams : {true, false}) {
      long_streams_ = long_streams;
      for (std::int64_t g : sizes(pins_.tile_groups, "groups", e.groups, 1))
        for (std::int64_t k : sizes(pins_.tile_k, "k", e.k, k_quantum(p_)))
          for (std::int64_t n : sizes(pins_.tile_n, "n", e.n, n_quantum)) {
            // Several groups share a tile only where each is in it as a whole.
            if (g > 1 && (n < e.n || k < e.k) && !pins_.tile_groups) continue;
            for (const PixelTile& pixel : pixels) try_tile(g, n, k, pixel);
          }
      if (found_.misfits < found_.candidates) break;
    }
    return result();
  }

 private:
  std::vector<std::int64_t> sizes(const std::optional<std::int64_t>& pin, const char* name,
                                  std::int64_t extent, std::int64_t quantum) const {
    if (!pin) return splits(extent, quantum);
    if (*pin < 1 || *pin > extent)
      throw input_error(fmt::format("mapping.tile.{}: expected 1..{}, got {}", name, extent, *pin));
    const std::string axis = name;
    const std::int64_t align = axis == "k" ? k_alignment() : axis == "n" ? n_alignment() : 1;
    if (*pin % align != 0 && *pin != extent)
      throw input_error(fmt::format(
          "mapping.tile.{}: expected a multiple of {} (blocks and scale groups stay whole), got {}",
          name, align, *pin));
    return {*pin};
  }

  /// Blocks of results are stored whole.
  std::int64_t n_alignment() const {
    return std::max<std::int64_t>(1, p_.path.output.layout.block_elements);
  }

  std::int64_t k_alignment() const {
    return std::lcm(std::max<std::int64_t>(1, p_.path.scale_group),
                    std::lcm(region_alignment(p_.path.weights.layout),
                             region_alignment(p_.path.activations.layout)));
  }

  void try_tile(std::int64_t g, std::int64_t n, std::int64_t k, const PixelTile& pixel) {
    Tiling t;
    t.groups = g;
    t.n = n;
    t.k = k;
    t.batch = pixel.batch;
    t.out_rows = pixel.rows;
    t.out_cols = pixel.cols;
    if (streams_long(p_, t) != long_streams_) return;
    const bool split_k = k < p_.layer.extents.k;
    for (int full = 0; full <= (split_k ? 1 : 0); ++full) {
      t.input_full_k = full != 0;
      for (const FoldOrder order : fold_orders(t)) {
        t.fold_order = order;
        try_orders(t);
      }
    }
  }

  std::vector<FoldOrder> fold_orders(const Tiling& t) const {
    if (pins_.fold_order) return {*pins_.fold_order};
    if (!order_matters(p_, t)) return {FoldOrder::kKInnermost};
    return {FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost};
  }

  void try_orders(Tiling t) {
    const TileFootprint footprint = tile_footprint(p_, t);
    std::optional<TileCounts> counts;
    for (std::size_t i = 0; i < std::size(kOrders); ++i) {
      t.order = kOrders[i];
      if (pins_.order && loop_dims(*pins_.order) != t.order) continue;
      ++found_.candidates;
      if (!fits(p_, t, footprint)) {
        ++found_.misfits;
        last_misfit_ = t;
        continue;
      }
      if (!counts) counts = estimator_.count(t);
      consider(t, i, estimator_.estimate(t, *counts));
    }
  }

  void consider(const Tiling& t, std::size_t order, const MappingEstimate& e) {
    std::optional<MappingAlternative>& best = best_[order];
    if (!best || cheaper(objective_, e, best->estimate)) best = MappingAlternative{setting_, t, e};
  }

  Mapping result() {
    for (const std::optional<MappingAlternative>& best : best_)
      if (best) found_.alternatives.push_back(*best);
    if (found_.alternatives.empty())
      throw input_error(
          fmt::format("no tile of the layer fits the machine; of the smallest one tried, the {}",
                      misfit(p_, last_misfit_, tile_footprint(p_, last_misfit_))));
    std::stable_sort(
        found_.alternatives.begin(), found_.alternatives.end(),
        [&](const auto& a, const auto& b) { return cheaper(objective_, a.estimate, b.estimate); });
    found_.setting = setting_;
    found_.tiling = found_.alternatives.front().tiling;
    found_.estimate = found_.alternatives.front().estimate;
    estimator_.refine(found_.tiling, found_.estimate);
    found_.alternatives.erase(found_.alternatives.begin());
    return std::move(found_);
  }

  const MappingProblem& p_;
  Estimator estimator_;
  const MappingPins& pins_;
  MachineSetting setting_;
  MappingObjective objective_;
  bool long_streams_ = true;
  Mapping found_;
  std::array<std::optional<MappingAlternative>, std::size(kOrders)> best_;
  Tiling last_misfit_;
};

/// The settings of a machine that the pins leave.
std::vector<MachineSetting> pinned_settings(const AcceleratorConfig& machine,
                                            const MappingPins& pins) {
  std::vector<MachineSetting> all = settings(machine);
  if (!pins.dataflow) return all;
  std::string names;
  for (const MachineSetting& setting : all) {
    if (setting.dataflow == *pins.dataflow) return {setting};
    names += (names.empty() ? "" : ", ") + enum_name(setting.dataflow);
  }
  throw input_error(
      fmt::format("mapping.dataflow: expected one of accelerator.array.dataflow ({}), got {}",
                  names, enum_name(*pins.dataflow)));
}

}  // namespace

MappingProblem configured(MappingProblem problem, const Mapping& mapping) {
  problem.machine = configured(std::move(problem.machine), mapping.setting);
  return problem;
}

Mapping map_layer(const MappingProblem& problem, const MappingPins& pins) {
  std::vector<Mapping> found;
  std::optional<Error> reason;
  for (const MachineSetting& setting : pinned_settings(problem.machine, pins)) {
    MappingProblem p = problem;
    p.machine = configured(problem.machine, setting);
    try {
      found.push_back(Search(p, pins).run());
    } catch (const Error& e) {  // it may fit with another setting
      if (e.kind() != ErrorKind::kInput) throw;
      if (!reason) reason = e;
    }
  }
  if (found.empty()) throw *reason;
  const MappingObjective objective = pins.objective.value_or(MappingObjective::kTraffic);
  const auto is_cheaper = [&](const auto& a, const auto& b) {
    return cheaper(objective, a.estimate, b.estimate);
  };
  const auto best = std::min_element(found.begin(), found.end(), is_cheaper);
  for (auto other = found.begin(); other != found.end(); ++other) {
    if (other == best) continue;
    best->candidates += other->candidates;
    best->misfits += other->misfits;
    best->alternatives.push_back({other->setting, other->tiling, other->estimate});
  }
  std::stable_sort(best->alternatives.begin(), best->alternatives.end(), is_cheaper);
  return std::move(*best);
}

}  // namespace bitjoule
