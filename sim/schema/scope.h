// What parameters and layers of a network file share: names and their values.
#pragma once

#include <cstddef>
#include <string>

#include "sim/schema/expand.h"

namespace bitjoule {

/// Further ones would mostly repeat these.
inline constexpr std::size_t kMaxProblems = 20;
/// The text of a block's index where the block is not unrolled.
inline const char* const kEveryIndex = "*";

bool is_expression(const Node& node);
/// Throws an input Error for names that are unknown or no numbers.
double number_of(const std::string& name, const Scope& scope);

}  // namespace bitjoule
