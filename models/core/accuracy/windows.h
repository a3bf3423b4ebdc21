// How a text is cut into pieces that a language model reads at once.
#pragma once

#include <cstdint>
#include <vector>

namespace bitjoule {

/// Tokens `first` .. `first` + `size` - 1 of a sequence, those before `scored` as context alone:
/// tokens `scored` and up (places in the sequence) are predicted from what stands before them.
struct TokenWindow {
  std::int64_t first = 0, size = 0, scored = 0;
  std::int64_t predictions() const { return first + size - scored; }
};

/// Windows of at most `size` tokens that begin every `stride` tokens; the last one ends with the
/// sequence, and is moved back where fewer are left. Every token is predicted once, in the first
/// window that has a token before it; where windows do not overlap (stride = size), the first
/// token of each is not, but for a window that was moved back.
std::vector<TokenWindow> token_windows(std::int64_t tokens, std::int64_t size, std::int64_t stride);

}  // namespace bitjoule
