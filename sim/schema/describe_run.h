// Keys of run files.
#pragma once

#include <optional>
#include <string>

#include "core/energy/price.h"
#include "core/energy/voltage.h"
#include "core/mapping/data_path.h"
#include "run/run_config.h"
#include "sim/schema/describe_dram.h"
#include "sim/schema/describe_energy.h"
#include "sim/schema/describe_layer.h"
#include "sim/schema/describe_machine.h"
#include "sim/schema/describe_mapping.h"
#include "sim/schema/describe_network.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Fidelity>>& enum_rows();
template <>
const std::vector<EnumRow<LayerOverlapMode>>& enum_rows();
template <>
const std::vector<EnumRow<Verify>>& enum_rows();

/// An accelerator file: the machine, and what a run that names nothing else takes with it.
struct AcceleratorFile {
  AcceleratorConfig machine;
  std::optional<Shared<DramConfig>> dram;
  std::optional<Shared<EnergyTable>> energy;
  std::optional<MappingObjective> mapping_objective;
};

/// `evaluation` as written.
struct EvaluationFile {
  EvaluationConfig config;
  std::optional<NetworkFile> reference;
};

/// One pass of several, as written; what a generation resolves to.
struct PassFile {
  std::string phase;
  std::int64_t context = 0, weight = 1;
  NetworkFile network;
};

/// Of a file that says nothing.
inline Precision no_precision() {
  Precision precision;
  precision.weights.format.clear();
  return precision;
}

/// A run file as written. `dram` and `energy` arrive in the accelerator: see path_aliases below.
struct RunFile {
  std::string name;
  AcceleratorFile accelerator;
  std::optional<Shared<DramConfig>> dram;
  std::optional<Shared<EnergyTable>> energy;
  std::variant<Layer, NetworkFile, std::vector<PassFile>> workload;
  std::string phase;
  std::optional<Generation> generation;
  std::int64_t steps = 1;
  LayerOverlapMode overlap = LayerOverlapMode::kNone;
  Precision precision = no_precision();
  std::optional<MixFile> mix;
  RunOptions options;
  std::optional<bool> values;
  MappingPins mapping;
  std::optional<EvaluationFile> evaluation;
  std::string calibration;
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
  return {{"dram", "accelerator", ""},
          {"energy", "accelerator", "horowitz-2014-45nm.yaml"},
          {"phase", "network", "", true, "generate"}};
}

/// A run has one of the two: --set of one takes the other's place.
template <>
inline std::vector<std::string> rival_keys<RunFile>() {
  return {"layer", "network", "passes"};
}

/// With a format where nobody has said that of weights: of layers that have none of their own.
Precision with_weights(Precision precision);

template <class V>
void describe(V& v, AcceleratorFile& c);
template <class V>
void describe(V& v, OperandDensity& c);
template <class V>
void describe(V& v, Generation& c);
template <class V>
void describe(V& v, EvaluationFile& c);
template <class V>
void describe(V& v, PassFile& c);
template <class V>
void describe(V& v, RunFile& c);

}  // namespace bitjoule
