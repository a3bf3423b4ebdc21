// What files of TensorFlow Lite operators on numbers and places have in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/import/tflite_builder.h"

namespace bitjoule {

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 20;  ///< that a network holds as `values`

/// Reals, or integers that stand for themselves, all of one type; else the node fails.
void require_numbers(const TfliteNode& node, const std::vector<const TfliteTensor*>& tensors);

/// No more than kMostNumbers; else the node fails.
void check_made(const TfliteNode& node, std::int64_t elements);

/// 0, 1, ..., end - 1.
std::vector<double> counted(std::int64_t end);

/// A step with a constant in the place of an operand.
NetworkLayer& add_with(TfliteBuilder& builder, const TfliteNode& node, const std::string& name,
                       const VectorOp& op, const std::vector<std::string>& inputs,
                       std::vector<double> values, bool integers);

/// GATHER with axes that operand and indices share.
void gather_of_batches(TfliteBuilder& builder, const TfliteNode& node, std::size_t shared,
                       std::size_t axis);

/// The one element of a constant operand; else the node fails.
double stored_number(const TfliteBuilder& builder, const TfliteNode& node, int operand);

}  // namespace bitjoule
