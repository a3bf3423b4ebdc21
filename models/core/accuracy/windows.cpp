#include "core/accuracy/windows.h"

#include <algorithm>

namespace bitjoule {

std::vector<TokenWindow> token_windows(std::int64_t tokens, std::int64_t size,
                                       std::int64_t stride) {
  std::vector<TokenWindow> windows;
  std::int64_t seen = 0;  // tokens that a window has
  for (std::int64_t first = 0; seen < tokens; first += stride) {
    TokenWindow window;
    window.first = std::min(first, std::max<std::int64_t>(0, tokens - size));
    window.size = std::min(size, tokens - window.first);
    window.scored = std::max(seen, window.first + 1);
    seen = window.first + window.size;
    if (window.predictions() > 0) windows.push_back(window);
  }
  return windows;
}

}  // namespace bitjoule
