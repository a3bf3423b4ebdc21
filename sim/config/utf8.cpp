#include "sim/config/utf8.h"

#include <boost/locale/utf.hpp>

namespace bitjoule {

std::size_t first_non_utf8(const std::string& text) {
  namespace utf = boost::locale::utf;
  auto next = text.begin();
  while (next != text.end()) {
    const auto at = next;
    const utf::code_point c = utf::utf_traits<char>::decode(next, text.end());
    if (c == utf::illegal || c == utf::incomplete)
      return static_cast<std::size_t>(at - text.begin());
  }
  return text.size();
}

}  // namespace bitjoule
