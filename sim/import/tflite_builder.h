// Turns tensors and operators of a TensorFlow Lite graph into layers. Images lie channels-last, as
// the machine works on them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/formats/tflite_model.h"
#include "sim/import/network_builder.h"

namespace bitjoule {

/// One operator of the graph; errors name it.
class TfliteNode {
 public:
  TfliteNode(const TfliteModel& model, const TfliteOperator& op) : model_(model), op_(op) {}

  const std::string& op() const { return op_.name; }
  const TfliteOperator& raw() const { return op_; }
  int inputs() const { return static_cast<int>(op_.inputs.size()); }
  int outputs() const { return static_cast<int>(op_.outputs.size()); }
  bool has(int input) const { return input < inputs() && op_.inputs[at(input)] >= 0; }
  /// Fail where there is none.
  const TfliteTensor& input(int i) const;
  const TfliteTensor& output(int i = 0) const;
  /// A field of the operator's options, which must be of that type (a number of the schema's union
  /// BuiltinOptions).
  template <class T>
  T option(int type, int slot, T otherwise) const {
    const TfliteTable* options = checked_options(type);
    return options == nullptr ? otherwise : options->scalar<T>(slot, otherwise);
  }
  /// A field of integers; none where there are no options.
  Shape option_numbers(int type, int slot) const {
    const TfliteTable* options = checked_options(type);
    if (options == nullptr) return {};
    const std::vector<std::int32_t> numbers = options->numbers<std::int32_t>(slot).all();
    return {numbers.begin(), numbers.end()};
  }
  std::string option_text(int type, int slot) const {
    const TfliteTable* options = checked_options(type);
    return options == nullptr ? "" : options->text(slot);
  }
  /// Constant integers (axes, paddings, sizes).
  Shape integers(int input) const;
  std::int64_t settled_axis(std::int64_t axis, std::size_t rank) const;
  /// As layers name the activation that is part of the operator: "", "relu", "relu6" or
  /// "relu_n1_to_1".
  std::string activation(int type, int slot) const;

  std::string label() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  const TfliteTable* checked_options(int type) const;

  const TfliteModel& model_;
  const TfliteOperator& op_;
};

class TfliteBuilder : public NetworkBuilder {
 public:
  /// Results that follow from constants become constants of `model`.
  TfliteBuilder(TfliteModel& model, std::string reference);

  const TfliteModel& model() const { return model_; }
  /// The layer that computes a tensor; of a constant one that loads it.
  std::string layer_of(const TfliteNode& node, const TfliteTensor& tensor);
  /// Where a layer gets a constant, and a tensor's scales and zero-points.
  TensorSource source(const TfliteTensor& tensor, const char* part = "",
                      TensorLayout layout = TensorLayout::kNative) const;
  /// Appends the layer that computes the node's output; integers are stored as the tensors are.
  NetworkLayer& add(const TfliteNode& node, NetworkOp op, std::vector<std::string> inputs,
                    int output = 0);
  /// Appends a step on the way to the node's output.
  NetworkLayer& add_part(const TfliteNode& node, const std::string& name, const VectorOp& op,
                         std::vector<std::string> inputs);
  /// Appends a step of that type of elements.
  NetworkLayer& add_coded_part(const std::string& name, const NetworkOp& op,
                               std::vector<std::string> inputs, const TfliteTensor& like);
  /// A variable: in the next pass what `next` yields in this one, at first its zero-point.
  void add_state(const TfliteNode& node, const TfliteTensor& tensor, const std::string& next);
  /// Results whose sizes the file leaves open get those of the operands.
  void settle_shapes(const TfliteNode& node);
  /// The operators of a graph with the node's operands in the place of its own; returns where its
  /// results are. Tensors are new ones each time.
  std::vector<std::int32_t> run_graph(const TfliteNode& node, const TfliteGraph& graph,
                                      const std::vector<std::int32_t>& operands);
  /// A tensor is what another one is.
  void alias(const TfliteNode& node, std::int32_t to, std::int32_t from);
  /// Variables, by the names that handles stand for: inputs that keep what is assigned last.
  void name_variable(const TfliteNode& node, const std::string& name);
  void read_variable(const TfliteNode& node);
  void assign_variable(const TfliteNode& node);
  void initialize(const TfliteNode& node, const TfliteGraph& graph);
  /// After all operators.
  void settle_variables();
  /// The node's output is that constant.
  void define(const TfliteNode& node, const std::vector<double>& values, int output = 0);
  bool has_layer(const std::string& name) const;
  std::size_t layer_count() const { return network_.layers.size(); }
  /// Computes the node's layers, those from `first` on, where all that they read is constant.
  void fold(const TfliteNode& node, std::size_t first);
  /// The node's output is what a layer yields under its own name.
  void name_output(const TfliteNode& node, const std::string& layer);
  /// The node's output is an input of the network.
  void leave_out(const TfliteNode& node);
  void add_outputs();

 private:
  void set_formats(const TfliteTensor& like, NetworkLayer& layer) const;
  std::string load(const TfliteTensor& tensor);
  struct Variable {
    const TfliteTensor* initial = nullptr;
    std::string input;  ///< of the network, where a pass reads it before it assigns it
    std::string value;  ///< the layer, or that input
  };
  Variable& variable_of(const TfliteNode& node);
  bool fold_layer(const NetworkLayer& layer,
                  std::map<std::string, std::vector<float>>& known) const;

  TfliteModel& model_;
  std::string reference_;
  std::map<std::string, std::string> layers_;          ///< by tensor
  std::map<std::string, const TfliteTensor*> loaded_;  ///< by the layer that loads it
  std::set<std::string> computed_;                     ///< constants that are in no file
  std::map<std::string, std::string> handles_;         ///< names of variables, by tensor
  std::map<std::string, Variable> variables_;          ///< by name
  bool initializes_ = false;                           ///< what is assigned comes before all passes
  int depth_ = 0, copies_ = 0, copied_nodes_ = 0;      ///< of graphs in graphs
  std::int64_t folded_elements_ = 0;                   ///< of results that fold() made constants
};

bool is_code(const TfliteTensor& tensor);  ///< of an integer type, with one scale or several
/// One scale and zero-point. Fails for others, and for scales that are no positive numbers.
CodeScale scale_of(const TfliteNode& node, const TfliteTensor& tensor);
/// A type that the kernels compute with.
bool is_code_type(const std::string& type);
bool is_symmetric(const TfliteTensor& tensor);  ///< all zero-points are 0
/// Scales and zero-points of a layer's tensor: "input", "weight" or "output".
void set_affine(TfliteBuilder& builder, NetworkLayer& layer, const std::string& role,
                const TfliteTensor& tensor);
/// Integers that stand for themselves, of 32 or 64 bits, all of one type.
bool are_integers(const std::vector<const TfliteTensor*>& tensors);
bool same_scale(const TfliteTensor& a, const TfliteTensor& b);
/// Codes of int8, uint8 or int16, or reals. Fails for operands and results of other types, or mixed
/// ones.
bool computes_codes(const TfliteNode& node, const std::vector<const TfliteTensor*>& tensors);

/// Element by element, by broadcast.
VectorOp broadcast_op(VectorKind kind, const TfliteTensor& result,
                      const std::vector<const TfliteTensor*>& operands);
/// An operator over all elements of its operands, which have the tensor's.
VectorOp whole_op(VectorKind kind, const TfliteTensor& tensor);

/// The shape of a result by those of its operands, and by constants; nothing where that is not
/// known.
std::optional<Shape> tflite_shape(const TfliteNode& node, int output);
std::optional<Shape> strided_slice_shape(const TfliteNode& node, int output);

/// DIV of integers, towards 0.
void divide_integers(TfliteBuilder& builder, const TfliteNode& node);

/// Operand and result hold the same numbers in the same type.
void require_copy(const TfliteNode& node, const TfliteTensor& from, const TfliteTensor& to);

/// Geometry of a convolution or pool of that kernel over the node's first operand: strides and
/// padding from the options.
void set_windows(const TfliteNode& node, int options, const TfliteTensor& image,
                 std::int64_t kernel_h, std::int64_t kernel_w, Conv2d& to);

constexpr int kAnyOperands = 1 << 20;

struct TfliteLayerRow {
  const char* name;
  int most_operands;
  void (*add)(TfliteBuilder& builder, const TfliteNode& node);
};
/// Adds what the operator of that name computes, or an input in its place.
void add_tflite_node(TfliteBuilder& builder, const TfliteOperator& op);
const std::vector<TfliteLayerRow>& tflite_mac_operators();
const std::vector<TfliteLayerRow>& tflite_control_operators();
const std::vector<TfliteLayerRow>& tflite_vector_operators();
const std::vector<TfliteLayerRow>& tflite_logic_operators();
const std::vector<TfliteLayerRow>& tflite_number_operators();
const std::vector<TfliteLayerRow>& tflite_place_operators();
const std::vector<TfliteLayerRow>& tflite_movement_operators();
const std::vector<TfliteLayerRow>& tflite_slice_operators();
const std::vector<TfliteLayerRow>& tflite_recurrent_operators();

}  // namespace bitjoule
