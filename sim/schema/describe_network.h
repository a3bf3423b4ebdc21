// Keys of network files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/schema/describe_layer.h"
#include "sim/schema/describe_mapping.h"
#include "sim/schema/network_file.h"

namespace bitjoule {

template <>
struct FileKind<MixFile> {
  static constexpr const char* kFolder = "mixes";
};

template <>
const std::vector<EnumRow<VectorKind>>& enum_rows();
template <>
const std::vector<EnumRow<Routing::Scores>>& enum_rows();
template <>
struct FileKind<NetworkFile> {
  static constexpr const char* kFolder = "networks";
};

/// The roles of a layer's tensors, in the order of files.
const std::vector<std::string>& tensor_roles();

struct TensorsFile {
  TensorsFile() = default;
  explicit TensorsFile(const std::map<std::string, TensorSource>& by_role);
  std::map<std::string, TensorSource> by_role() const;

  std::vector<std::optional<TensorSource>> sources{tensor_roles().size()};
};

/// One layer as written, its expressions replaced by their values.
struct LayerFile {
  std::string name, kind;
  std::int64_t repeat = 1;
  std::vector<std::string> inputs;
  NetworkOp op;
  TensorsFile tensors;
  std::optional<Experts> experts;
  PrecisionOverride precision;
  TilePins mapping;
  bool bias = false;
  bool batch_norm = false;
  std::string activation;
  bool accumulators = false;
  SumForm sums;
  double batch_norm_epsilon = 0;
  bool kv_cache = false;
  bool kv_view = false;
  std::optional<std::int64_t> parameters;
};

/// The layer that runs. Throws an input Error for sizes that do not fit together.
NetworkLayer to_layer(const LayerFile& file, const Place& place);

template <class V>
void describe(V& v, TensorsFile& c);
template <class V>
void describe(V& v, PrecisionOverride& c);
template <class V>
void describe(V& v, PoolWindow& c);
template <class V>
void describe(V& v, RopeScaling& c);
template <class V>
void describe(V& v, Routing& c);
template <class V>
void describe(V& v, Experts& c);
template <class V>
void describe(V& v, Resize& c);
template <class V>
void describe(V& v, SumForm& c);
template <class V>
void describe(V& v, CodeScale& c);
template <class V>
void describe(V& v, VectorCodes& c);
template <class V>
void describe(V& v, VectorOp& c);
template <class V>
void describe(V& v, LayerFile& c);

/// The types that the tensors at a network's ends may have; "" is real values.
Rule element_types();

template <class V>
void describe(V& v, NetworkInput& c);
template <class V>
void describe(V& v, NetworkOutput& c);
template <class V>
void describe(V& v, LayerRule& c);
template <class V>
void describe(V& v, MixFile& c);
template <class V>
void describe(V& v, NetworkFile& c);

}  // namespace bitjoule
