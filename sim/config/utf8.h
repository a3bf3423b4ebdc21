// Texts that become YAML or JSON must be UTF-8; texts that people see must not drive a terminal.
#pragma once

#include <cstddef>
#include <string>

namespace bitjoule {

/// Where the first byte stands that no well-formed UTF-8 sequence holds (RFC 3629); the size where
/// there is none.
std::size_t first_non_utf8(const std::string& text);

/// Control characters (C0 but for the line feed, DEL, C1), characters that turn the direction of
/// writing, and bytes that are no UTF-8, as "\\x1b" or "\\u202e".
std::string printable(const std::string& text);
/// The same of a text that must stay on its line: line feeds too.
std::string printable_line(const std::string& text);

}  // namespace bitjoule
