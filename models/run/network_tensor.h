// A tensor between the layers of a network that runs with values on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/numeric/affine.h"
#include "core/numeric/quality.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

/// As the machine has it, and as it would be if nothing were ever rounded. Elements lie as the
/// layer that wrote them says.
struct NetworkTensor {
  std::vector<float> values;
  std::vector<double> reference;
  /// Integers: value = scale * (code - zero_point); empty where it is stored as floats.
  std::vector<std::int32_t> codes;
  TensorFormat format;  ///< of the codes
  float scale = 1;
  std::int32_t zero_point = 0;
  /// Integers that stand for themselves (indices, codes of a quantized graph, sums): they are never
  /// quantized again. scale is 1.
  bool is_number = false;
  std::string input;    ///< of a network's input: its name
  bool is_raw = false;  ///< real values that nobody has stored yet: readers store them as they read
  /// Stored with scales per row, group or block.
  std::shared_ptr<const QuantizedTensor> stored;
  /// Of a quantized graph's codes: errors are told of unit * (value - origin).
  double unit = 1, origin = 0;
};

/// Which numbers of a network somebody wants: the machine's, and those without any rounding. What
/// is not wanted is what the other one is.
enum class Side { kBoth, kMachine, kExact };

/// How far the machine's values are from those without any rounding.
Quality quality_of(const NetworkTensor& tensor);

/// Real values before they are stored.
NetworkTensor raw_tensor(std::vector<float> values);
/// Of Side::kExact.
NetworkTensor exact_tensor(std::vector<double> reference);
/// Integers that stand for themselves.
NetworkTensor number_tensor(std::vector<std::int32_t> codes);

/// Stores rows x cols real values. Integers per tensor are given `scale`, or else the one that the
/// reference asks for; other formats find theirs in the values.
NetworkTensor stored_tensor(const TensorFormat& format, std::vector<float> values,
                            std::vector<double> reference, std::int64_t rows, std::int64_t cols,
                            const std::optional<GroupParameters>& scale = std::nullopt);

/// The same values as rows x cols of `format`: the codes that are there if the tensor is stored so,
/// else quantized from its values; `tensor` must outlive the operand, which may read values there.
QuantizedTensor as_operand(const NetworkTensor& tensor, const TensorFormat& format,
                           std::int64_t rows, std::int64_t cols);

/// Scale and zero-point of an integer format per tensor that holds all of `reference`.
GroupParameters calibrated(const TensorFormat& format, const std::vector<double>& reference);

}  // namespace bitjoule
