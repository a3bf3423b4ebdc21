// The values of an ONNX graph: their types and shapes, and which of them follow from constants and
// shapes alone. Those are computed when they are asked for.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_rules.h"

namespace bitjoule {

/// Filled front to back, node by node. What it is given must outlive it.
class OnnxValues {
 public:
  enum class Kind {
    kData,    ///< known when the network runs
    kStored,  ///< in the file, or computed from what is
    kSized,   ///< follows from the sizes of data as well
  };

  OnnxValues(std::string file, int opset) : file_(std::move(file)), opset_(opset) {}

  void add_data(const std::string& name, OnnxInfo info);
  /// A later constant of the same name replaces an earlier one.
  void add_constant(const std::string& name, const onnx::TensorProto& tensor);
  /// Adds every initializer, dense or sparse.
  void add_initializers(const onnx::GraphProto& graph);
  /// Checks the node and adds its outputs; throws an input Error that names it.
  void add_node(const onnx::NodeProto& proto);

  /// What a run gives rather than the file.
  void mark_sized(const std::string& name) { entries_.at(name).kind = Kind::kSized; }

  bool has(const std::string& name) const { return entries_.count(name) != 0; }
  Kind kind(const std::string& name) const { return entries_.at(name).kind; }
  const OnnxInfo& info(const std::string& name) const { return entries_.at(name).info; }
  /// The value of what is no data. Throws an input Error where it is not computed, or where all
  /// steps together have more than 2^24 elements and 16 for each that is stored.
  StoredTensor value(const std::string& name) const;
  /// The node with what is known of its operands; values of data fail.
  OnnxOperands operands(const OnnxNode& node) const;
  /// Remarks on nodes: attributes that are not used.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Entry {
    Kind kind = Kind::kData;
    OnnxInfo info;
    const onnx::TensorProto* tensor = nullptr;  ///< stored as it is
    const onnx::NodeProto* producer = nullptr;  ///< computed by it
  };

  OnnxOperands operands(const OnnxNode& node, OnnxOperands::Values values) const;
  StoredTensor value(const std::string& name, std::int64_t& budget) const;
  void compute(const onnx::NodeProto& proto, std::map<std::string, StoredTensor>& known,
               std::int64_t& budget) const;

  std::string file_;
  int opset_;
  std::map<std::string, Entry> entries_;
  std::deque<onnx::TensorProto> own_;  ///< of Constants that are no tensors in the file
  std::vector<std::string> notes_;
  std::int64_t stored_elements_ = 0;
  mutable std::map<std::string, StoredTensor> small_;     ///< computed before
  std::int64_t settings_budget_ = std::int64_t{1} << 24;  ///< elements, for all rules together
};

/// Whether a constant's node is computed rather than executed: its operator has arithmetic for
/// constants. `constants`: all its operands are.
bool is_computed(const OnnxNode& node, bool constants);

/// What expansions ask for; `values` must outlive it.
OnnxWriter::Known known_of(const OnnxValues& values);

/// What a Constant node holds where that is no `value`; throws an input Error for strings.
onnx::TensorProto constant_tensor(const OnnxNode& node);

/// Whether all bytes of a tensor are 0.
bool is_zero(const StoredTensor& tensor);

/// All constants of a model by name: initializers, Constants, and what layers read that is computed
/// from those. Such as cannot be read or computed are left out.
std::vector<StoredTensor> onnx_tensors(const Blob& blob);

}  // namespace bitjoule
