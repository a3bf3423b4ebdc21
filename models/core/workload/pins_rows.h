// What is pinned of a mapping, described: every member with its name, meaning and range, for files
// (sim/schema) and for what programs give (run/checked.h). Where it is instantiated, it is
// compiled.
#pragma once

#include <optional>

#include "core/enums.h"
#include "core/error.h"
#include "core/rule.h"
#include "core/workload/pins.h"
#include "core/workload/rows.h"

namespace bitjoule {

/// As files have them.
struct ObjectiveFile {
  std::optional<MappingObjective> name;
  std::optional<double> energy, cycles, traffic;

  bool weighted() const { return energy || cycles || traffic; }
  ObjectiveWeights weights() const {
    return {energy.value_or(0), cycles.value_or(0), traffic.value_or(0)};
  }
};

struct TileFile {
  std::optional<std::int64_t> m, n, k, batch, rows, cols, groups;
};

template <class V>
void describe(V& v, ObjectiveFile& c) {
  v.shorthand("name");
  v.field("name", c.name, "one of `sim list mapping_objectives`");
  const Rule weight = at_least(0);
  v.field("energy", c.energy, "exponent of the energy", weight);
  v.field("cycles", c.cycles, "exponent of the cycles", weight);
  v.field("traffic", c.traffic, "exponent of the DRAM traffic", weight);
  v.check([&] {
    if (c.name.has_value() == c.weighted())
      throw input_error("expected a name, or weights of energy, cycles and traffic");
    const ObjectiveWeights w = c.weights();
    if (c.weighted() && !(w.energy + w.cycles + w.traffic > 0))
      throw input_error("expected a weight above 0");
  });
}

template <class V>
void describe(V& v, TileFile& c) {
  v.field("m", c.m, "output pixels per tile: part of a row, whole rows or maps", extent());
  v.field("n", c.n, "outputs per tile", extent());
  v.field("k", c.k, "length of the sums per tile", extent());
  v.field("batch", c.batch, "maps per tile", extent());
  v.field("rows", c.rows, "output rows per tile", extent());
  v.field("cols", c.cols, "output columns per tile", extent());
  v.field("groups", c.groups, "groups, or products of a batch, per tile", extent());
  v.check([&] {
    if (c.m && (c.batch || c.rows || c.cols))
      throw input_error("m: not beside batch, rows and cols, which make a rectangle");
  });
}

template <class V>
void describe(V& v, TilePins& c) {
  std::optional<ObjectiveFile> objective;
  if (c.objective) objective = ObjectiveFile{c.objective, {}, {}, {}};
  if (c.weights)
    objective = ObjectiveFile{{}, c.weights->energy, c.weights->cycles, c.weights->traffic};
  v.field("objective", objective,
          "what the mapper minimises: a name or weights; default: the accelerator's, else edp");
  c.objective.reset();
  c.weights.reset();
  if (objective) c.objective = objective->name;
  if (objective && objective->weighted()) c.weights = objective->weights();
  v.field("order", c.order, "tile loops, outermost first");
  v.field("fold_order", c.fold_order, "the innermost loop over the folds of a tile");
  v.field("dataflow", c.dataflow, "one of those that the array can be set to");
  TileFile tile{c.tile_m,    c.tile_n,    c.tile_k,     c.tile_batch,
                c.tile_rows, c.tile_cols, c.tile_groups};
  v.field("tile", tile, "sizes of a tile; what is left out the mapper chooses");
  c.tile_m = tile.m;
  c.tile_n = tile.n;
  c.tile_k = tile.k;
  c.tile_batch = tile.batch;
  c.tile_rows = tile.rows;
  c.tile_cols = tile.cols;
  c.tile_groups = tile.groups;
}

template <class V>
void describe(V& v, MappingPins& c) {
  describe(v, static_cast<TilePins&>(c));
  v.field("finalists", c.finalists,
          "tilings that are simulated before one is taken; default: 6 for objective cycles, else 1",
          range(1, 64));
  v.field("weight_layout", c.weight_layout, "where weights stand in DRAM");
  v.field("activation_layout", c.activation_layout, "where inputs and outputs stand in DRAM");
  v.field("activations", c.activations, "where inputs and outputs are between layers");
  v.field("attention", c.attention,
          "scores, softmax and context as layers of their own, or as one");
  v.field("kv_page", c.kv_page,
          "tokens of a page of cached keys and values; 0: token after token, without pages",
          range(0, 1 << 16));
}

}  // namespace bitjoule
