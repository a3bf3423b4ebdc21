// TensorFlow Lite models: a flatbuffer (identifier TFL3), read and checked slot by slot. Slots,
// numbers and defaults: tensorflow/compiler/mlir/lite/schema/schema.fbs.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"
#include "sim/formats/shape.h"
#include "sim/formats/tflite_table.h"

namespace bitjoule {

struct TfliteTensor {
  std::string name;    ///< the file's, made unique
  std::string origin;  ///< of a copy: the name of the tensor that the file has
  Shape shape;
  std::string
      type;  ///< "int8", "fp32", ..., or what the schema calls it where nothing here reads it
  const std::uint8_t* data = nullptr;  ///< nullptr: computed by the network
  std::uint64_t bytes = 0;
  std::string stored;  ///< what the data are, where not of `type`: fp16 of a constant of fp32
  Blob own;            ///< holds data that are no part of the file
  TfliteNumbers<float> scales;  ///< none: not quantized
  TfliteNumbers<std::int64_t> zero_points;
  std::int64_t axis = 0;     ///< of several scales
  Shape signature;           ///< the shape with -1 where a size is open; or empty
  bool is_open = false;      ///< a size is
  bool is_variable = false;  ///< a state, kept from one pass to the next
  std::string complication;  ///< what of it nothing here reads ("sparse", ...); else empty
  std::optional<TfliteTable> sparsity;  ///< the data are those of the elements that it names

  bool is_constant() const { return data != nullptr; }
};

struct TfliteOperator {
  std::string name;                  ///< "CONV_2D", "CUSTOM Name", "BUILTIN 77"
  std::vector<std::int32_t> inputs;  ///< tensors; -1: absent
  std::vector<std::int32_t> outputs;
  int options_type = 0;  ///< which options table it is
  std::optional<TfliteTable> options;
  TfliteNumbers<std::uint8_t> custom;  ///< options of a CUSTOM operator
};

struct TfliteGraph {
  std::vector<TfliteOperator> operators;  ///< in the order they run
  std::vector<std::int32_t> inputs, outputs;
};

/// The main graph, and others that operators of it name.
struct TfliteModel : TfliteGraph {
  Blob blob;
  std::deque<TfliteTensor> tensors;  ///< of all graphs
  std::vector<TfliteGraph> others;   ///< graph 1 and so on
};

/// The main graph. Constants that are sparse, or that operators make of others (DENSIFY,
/// DEQUANTIZE), are constants without these. Throws an input Error for damaged files: offsets,
/// indices and sizes are checked.
TfliteModel parse_tflite(const Blob& blob);

/// A constant tensor's elements; int4 unpacked to int8. Throws an input Error for types that are
/// not read.
StoredTensor stored_tflite(const TfliteModel& model, const TfliteTensor& tensor);

/// All constants by name, and NAME.scale and NAME.zero_point of whatever is quantized. Such as are
/// not read are left out.
std::vector<StoredTensor> tflite_tensors(const Blob& blob);

/// Stored operands as layers read them, by operator.
/// SVDF: WEIGHTS.by_unit, the time weights of each unit's filters in a row.
/// TRANSPOSE_CONV, CUSTOM Convolution2DTransposeBias: WEIGHTS.turned, kernels turned by half a
/// turn. UNIDIRECTIONAL_SEQUENCE_LSTM, after the result's name: NAME.input_weights and
/// .recurrent_weights, rows of the gates i, f, c, o (f, c, o where i is what f
/// leaves), with a .scale for each row; .bias; and
/// .gate_scale, of their sums where they are codes: 2^-12.
/// Throws an input Error where the operands do not fit together.
std::vector<StoredTensor> derived_tensors(const TfliteModel& model, const TfliteOperator& op);

/// What parse_tflite() says of constants.
void settle_constants(TfliteModel& model);

/// MediaPipe's transposed convolution: image, weights and bias.
inline const char* const kTransposeConvBias = "CUSTOM Convolution2DTransposeBias";

/// The schema's name of a builtin operator; "BUILTIN n" for those that it does not need to know.
std::string tflite_operator_name(int code);

}  // namespace bitjoule
