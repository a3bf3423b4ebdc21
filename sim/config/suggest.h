// Turning a misspelt name into a helpful message.
#pragma once

#include <string>
#include <vector>

#include "sim/config/node.h"

namespace bitjoule {

/// The name nearest to `word` by edit distance, where one is near enough to be meant; else "".
std::string nearest_name(const std::string& word, const std::vector<std::string>& names);

/// `, did you mean "rows"?` or, where nothing is near, "".
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

/// `expected ..., got "x"` with a suggestion where one of `names` is near.
std::string expected_got(const std::string& expected, const Node& node,
                         const std::vector<std::string>& names);

}  // namespace bitjoule
