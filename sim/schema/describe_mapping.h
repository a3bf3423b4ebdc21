// Keys of what is pinned of a mapping.
#pragma once

#include <optional>

#include "core/error.h"
#include "core/workload/pins.h"
#include "sim/config/describe.h"
#include "sim/schema/describe_layer.h"

namespace bitjoule {

struct ObjectiveFile {
  std::optional<MappingObjective> name;
  std::optional<double> energy, cycles, traffic;

  bool weighted() const { return energy || cycles || traffic; }
  ObjectiveWeights weights() const {
    return {energy.value_or(0), cycles.value_or(0), traffic.value_or(0)};
  }
};

template <class V>
void describe(V& v, ObjectiveFile& c);

struct TileFile {
  std::optional<std::int64_t> m, n, k, batch, rows, cols, groups;
};

template <class V>
void describe(V& v, TileFile& c);
template <class V>
void describe(V& v, TilePins& c);

}  // namespace bitjoule
