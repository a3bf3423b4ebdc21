// Turning a misspelt name into a helpful message.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

/// The name nearest to `word` by edit distance, where one is near enough to be meant; else "".
std::string nearest_name(const std::string& word, const std::vector<std::string>& names);

/// `, did you mean "rows"?` or, where nothing is near, "".
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

}  // namespace bitjoule
