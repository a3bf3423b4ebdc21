// What GGUF and config.json importers share: a network file over one of the shipped bases.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"
#include "core/workload/network.h"
#include "sim/config/node.h"

namespace bitjoule {

struct ImportOptions;

struct TransformerFile {
  std::string name;
  std::string base;                                             ///< "base/llama.yaml"
  std::vector<std::pair<std::string, std::string>> parameters;  ///< in order, as texts
  bool unroll = false;
  std::string whole;  ///< the phase that has all layers; empty: the base's own
  boost::json::array overrides;
  std::vector<std::string> timing_only;  ///< as in network files

  /// The network file as the reader has it; errors name `origin`. Its layers are the base's, so it
  /// is no Network before its phase is known.
  Node node(const std::string& origin) const;
  /// node() as text.
  std::string yaml() const;
  /// The network of that file, in the base's own phase or another: sizes that do not fit are
  /// refused, by the name of the file that they come from.
  Network build(const std::string& file, const std::string& phase = "") const;
  /// Throws an input Error where heads do not divide the hidden size, or key heads the heads.
  void check_heads(const std::string& file) const;
};

/// The parameters that options set.
std::map<std::string, std::int64_t> given_parameters(const ImportOptions& options);

/// {weights: format}
boost::json::object weights_in(const boost::json::value& format);

/// The share of a layer in a tensor that holds the outputs of several: one of `count` parts that
/// lie one behind the other, or whose outputs alternate.
struct TensorShare {
  enum class Kind { kWhole, kBehind, kAlternating };
  Kind kind = Kind::kWhole;
  std::int64_t index = 0, count = 1;
};

/// A tensor's name in a model's files (in a block: behind "blk.3.") and what it is here. Where the
/// experts of a mixture have a tensor each, "{expert}" stands for their numbers.
struct ModelTensorRow {
  const char* stored;
  const char* layer;
  const char* role;
  bool in_block;
  std::size_t stack = 0;  ///< in a block: of ModelTensors::stacks
  bool of_all = false;    ///< in a block: those of all blocks of the stack are this one
  TensorLayout layout = TensorLayout::kNative;  ///< quantized weights are native all the same
  TensorShare share = {};

  bool is_of_expert() const;  ///< of one
  bool is_of_all_experts() const;
  TensorLayout layout_of(const StoredTensor& tensor) const;
};

/// What stands before a block's number: in files "model.layers.", in layers' names "blk.".
struct BlockStack {
  const char* stored;
  const char* layer = "blk.";
};

/// What a tensor is, and the layer that it belongs to: "blk.3.q" of "blk.3.attn_q.weight".
struct ModelTensorUse {
  const ModelTensorRow* row;
  std::string layer;
};

/// The names of one kind of file.
struct ModelTensors {
  std::vector<BlockStack> stacks;  ///< one, or an encoder's and a decoder's
  std::vector<ModelTensorRow> rows;
  std::string part = {};              ///< stands before all names in some files: "bert."
  std::set<std::string> unread = {};  ///< tensors that are others once more, or that nothing reads

  /// Several where layers share the tensor, none where the name is not known.
  std::vector<ModelTensorUse> uses(const std::string& name) const;
  bool is_unread(const std::string& name) const;
  /// The other way: the name that the tensor of a row has for a layer, without `part`.
  std::string stored_name(const ModelTensorRow& row, const std::string& layer) const;
};

/// Throws an input Error that begins with `file` where tensors do not have the elements that the
/// layers of `network` need, or where the layers need tensors that are missing; `hint` ends it.
void check_tensors(const std::string& file, const Network& network, const ModelTensors& names,
                   const std::vector<const StoredTensor*>& tensors, const std::string& hint);

}  // namespace bitjoule
