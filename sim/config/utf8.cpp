#include "sim/config/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/locale/utf.hpp>

namespace bitjoule {
namespace {

namespace utf = boost::locale::utf;

bool is_plain(char c) { return c >= ' ' && c <= '~'; }

bool turns_direction(utf::code_point c) {
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

std::string visible(const std::string& text, bool keeps_lines) {
  std::string out;
  for (auto next = text.begin(); next != text.end();) {
    const auto at = next;
    const utf::code_point c = utf::utf_traits<char>::decode(next, text.end());
    if (c == utf::illegal || c == utf::incomplete) {
      next = at + 1;
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(*at));
    } else if ((c < 0x20 && !(c == '\n' && keeps_lines)) || (c >= 0x7f && c < 0xa0)) {
      out += fmt::format("\\x{:02x}", c);
    } else if (turns_direction(c)) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out.append(at, next);
    }
  }
  return out;
}

}  // namespace

std::string printable(const std::string& text) {
  const auto is_fine = [](char c) { return is_plain(c) || c == '\n'; };
  return std::all_of(text.begin(), text.end(), is_fine) ? text : visible(text, true);
}

std::string printable_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(), is_plain) ? text : visible(text, false);
}

std::size_t first_non_utf8(const std::string& text) {
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
