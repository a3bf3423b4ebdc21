// Arithmetic of constants for the rules of ONNX operators: elements as numbers, or as bytes that
// move.
#pragma once

#include <string>
#include <vector>

#include "sim/formats/onnx_rules.h"

namespace bitjoule {

/// A tensor that was computed: little-endian elements of info's type. Throws an input Error where
/// the type is not read or the bytes do not fit.
StoredTensor computed_tensor(const OnnxNode& node, const OnnxInfo& info, std::string bytes);

/// Elements of a tensor: integers and bools exactly, all other types as doubles.
struct OnnxNumbers {
  bool integer = false;
  std::vector<std::int64_t> whole;
  std::vector<double> real;

  std::size_t size() const { return integer ? whole.size() : real.size(); }
};
OnnxNumbers numbers_of(const StoredTensor& tensor);
/// Rounded to info's type: floats once to fp32, then to narrower ones; integers wrap around.
StoredTensor tensor_of(const OnnxNode& node, const OnnxInfo& info, const OnnxNumbers& numbers);
/// Operand `operand`, repeated to `shape` as numpy broadcasts.
OnnxNumbers broadcast_numbers(const OnnxOperands& in, int operand, const Shape& shape);

/// Elements of `from` at offset + sum(index * strides), in elements, for every index of info.shape.
StoredTensor strided_copy(const OnnxNode& node, const StoredTensor& from, const OnnxInfo& info,
                          std::int64_t offset, const Shape& strides);
/// Elements between neighbours along every axis, in C order.
Shape strides_of(const Shape& shape);

}  // namespace bitjoule
