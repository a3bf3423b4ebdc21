// Operands of a layer: generated from a seed or taken from files, quantized as the configuration
// says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/exec/layer_values.h"
#include "core/numeric/quantized_tensor.h"
#include "run/tensor_reader.h"

namespace bitjoule {

/// Where one operand came from, for reports.
struct OperandOrigin {
  TensorSource source;
  std::string stored;      ///< type in the file; empty where it was generated
  bool as_stored = false;  ///< the file's own bytes; false: quantized (again) from its values
};

struct Operands {
  std::vector<float> float_inputs, float_weights;  ///< before quantization, or decoded
  QuantizedTensor inputs;                          ///< rows of channels (NHWC, or [group][m][k])
  QuantizedTensor weights;                         ///< rows as they are stored
  std::vector<float> float_bias;  ///< one per weight row; empty where the layer has none
  BiasValues bias;                ///< as the output unit adds it
  OperandOrigin input_origin, weight_origin, bias_origin;
};

/// `float_bias` as the output unit adds it: codes of input scale x weight scale, rounded half to
/// even; fp32 where sums are not integers.
BiasValues stored_bias(const DataPath& path, const Operands& operands);

/// Generated inputs have deviation 1 and weights 1 / sqrt(k): sums of unit variance, as trained
/// layers have them. Throws an input Error that names file, tensor and shapes where a file does not
/// hold what the layer needs.
Operands make_operands(const MappingProblem& problem, const Layer& layer, std::int64_t seed,
                       TensorReader& tensors);

/// The same faults of files, without values that are generated.
void check_operand_files(const MappingProblem& problem, const Layer& layer, TensorReader& tensors);

/// "normal, seed 1", or "w.gguf blk.0.attn_q.weight (q4_0 as stored)"
std::string origin_text(const OperandOrigin& origin, std::int64_t seed);

}  // namespace bitjoule
