// Texts that become YAML or JSON must be UTF-8.
#pragma once

#include <cstddef>
#include <string>

namespace bitjoule {

/// Where the first byte stands that no well-formed UTF-8 sequence holds (RFC 3629); the size where
/// there is none.
std::size_t first_non_utf8(const std::string& text);

}  // namespace bitjoule
