// What the dequantizer does to turn stored codes into fp32, as countable operations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/energy/action.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// `count` operations for every `elements` consecutive elements of a row (a short last group counts
/// whole). elements 1: each element. Scales of whole rows and tensors are prepared once, outside
/// the pipeline, and not counted.
struct DequantOperation {
  Primitive primitive = Primitive::kAdd;
  std::string type;     ///< as Action::type
  std::string purpose;  ///< an activity name: "convert", "scale", "zero_point", ...
  std::int64_t count = 1;
  std::int64_t elements = 1;
};

/// In the order of the pipeline; empty for fp32 and tf32. A MAC format other than fp32 adds one
/// more convert per element, which is the caller's to count.
std::vector<DequantOperation> dequant_cost(const TensorFormat& format);

/// What it does to give an integer MAC its operands: the lookups of codes that stand for integers
/// of a table, or the integer arithmetic of their groups (qoq4), else nothing.
std::vector<DequantOperation> lookup_cost(const TensorFormat& format);

}  // namespace bitjoule
