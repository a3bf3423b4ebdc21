// Names that users write, for messages that help with a misspelt one.
#pragma once

#include <cstddef>
#include <string>

namespace bitjoule {

/// Levenshtein distance: insertions, deletions and substitutions of single characters.
std::size_t edit_distance(const std::string& a, const std::string& b);

}  // namespace bitjoule
