// Keys of run files.
#pragma once

#include <optional>
#include <string>

#include "core/mapping/data_path.h"
#include "sim/config/describe_dram.h"
#include "sim/config/describe_energy.h"
#include "sim/config/describe_layer.h"
#include "sim/config/describe_machine.h"
#include "sim/config/run_config.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Fidelity>>& enum_rows();
template <>
const std::vector<EnumRow<Verify>>& enum_rows();

/// An accelerator file: the machine, and what a run that names nothing else takes with it.
struct AcceleratorFile {
  AcceleratorConfig machine;
  std::optional<DramConfig> dram;
  std::optional<EnergyTable> energy;
};

/// A run file as written. `dram` and `energy` arrive in the accelerator: see path_aliases below.
struct RunFile {
  std::string name;
  AcceleratorFile accelerator;
  std::optional<DramConfig> dram;
  std::optional<EnergyTable> energy;
  Layer layer;
  Precision precision;
  RunOptions options;
  MappingPins mapping;
};

template <>
struct FileKind<AcceleratorFile> {
  static constexpr const char* kFolder = "accelerators";
};
template <>
struct FileKind<RunFile> {
  static constexpr const char* kFolder = "runs";
};

template <>
inline std::vector<PathAlias> path_aliases<RunFile>() {
  return {{"dram", "accelerator", ""}, {"energy", "accelerator", "horowitz-2014-45nm.yaml"}};
}

template <class V>
void describe(V& v, AcceleratorFile& c) {
  v.template base<AcceleratorFile>();
  describe(v, c.machine);
  v.field("dram", c.dram, "external memory of a run that names none");
  v.field("energy", c.energy, "prices of a run that names none");
}

struct TileFile {
  std::optional<std::int64_t> m, n, k;
};

template <class V>
void describe(V& v, TileFile& c) {
  v.field("m", c.m, "rows of the input per tile", extent());
  v.field("n", c.n, "outputs per tile", extent());
  v.field("k", c.k, "length of the sums per tile", extent());
}

template <class V>
void describe(V& v, MappingPins& c) {
  v.field("order", c.order, "tile loops, outermost first");
  TileFile tile{c.tile_m, c.tile_n, c.tile_k};
  v.field("tile", tile, "sizes of a tile; what is left out the mapper chooses");
  c.tile_m = tile.m;
  c.tile_n = tile.n;
  c.tile_k = tile.k;
}

template <class V>
void describe(V& v, RunFile& c) {
  v.field("name", c.name, "shown in reports; default: the layer's name");
  v.required("accelerator", c.accelerator, "the machine");
  v.field("dram", c.dram, "external memory; default: the accelerator's");
  v.field("energy", c.energy, "prices; default: the accelerator's, else horowitz-2014-45nm.yaml");
  v.required("layer", c.layer, "what it computes");
  v.required("precision", c.precision, "number formats; what the machine does follows from them");
  v.field("mapping", c.mapping, "pinned parts of the tiling; the mapper searches the rest");
  v.field("values", c.options.values, "compute outputs, not only cycles and counts");
  v.field("fidelity", c.options.fidelity, "how the array is simulated; equal results");
  v.field("verify", c.options.verify, "how much of the output the oracle checks");
  v.field("seed", c.options.seed, "of generated operands", at_least(0));
  v.check([&] {
    if (!c.accelerator.dram) throw input_error("dram: missing, here and in the accelerator");
    resolve_data_path(c.precision, c.accelerator.machine.array.pe);
  });
}

}  // namespace bitjoule
