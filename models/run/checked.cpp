#include "run/checked.h"

#include <fmt/format.h>

#include "core/checker.h"
#include "core/numeric/rows.h"
#include "core/workload/pins_rows.h"
#include "run/rows.h"

namespace bitjoule {
namespace {

/// Their keys in network files.
void describe_own(Checker& v, PrecisionOverride& c) {
  v.field("precision.weights", c.weights, "");
  v.field("precision.activations", c.activations, "");
  v.field("precision.output", c.output, "");
  if (c.mac) v.field("precision.mac", *c.mac, "", mac_names());
}

}  // namespace

void check_ranges(const RunConfig& run) {
  Precision precision = run.precision;
  MappingPins mapping = run.mapping;
  std::optional<OperandDensity> density = run.options.data.density;
  Checker checker("");
  checker.field("precision", precision, "");
  checker.field("mapping", mapping, "");
  checker.field("density", density, "");
  checker.throw_if_any();
}

void check_ranges(const Network& network) {
  for (const NetworkLayer& layer : network.layers) {
    PrecisionOverride precision = layer.precision;
    TilePins mapping = layer.mapping;
    Checker checker(fmt::format("layer \"{}\"", layer.name));
    describe_own(checker, precision);
    checker.field("mapping", mapping, "");
    checker.throw_if_any();
  }
}

}  // namespace bitjoule
