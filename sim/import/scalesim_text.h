// What readers of SCALE-Sim's text files share.
#pragma once

#include <cstdint>
#include <string>

#include "sim/formats/blob.h"

namespace bitjoule::scalesim {

/// Without blanks at both ends, nor a byte order mark.
std::string trim(const std::string& text);
/// All of a file; throws an input Error where it is far longer than any of its kind.
std::string text_of(const Blob& file);
/// At least 1; throws an input Error that begins with `where`.
std::int64_t to_integer(const std::string& text, const std::string& where);

}  // namespace bitjoule::scalesim
