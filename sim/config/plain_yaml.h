// The part of YAML that configuration files are mostly written in, read in a fraction of the time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/config/node.h"

namespace bitjoule {

/// The tree that yaml-cpp's events make of `text`, where it is plain: block maps of bare keys,
/// block lists, flow maps and lists, scalars on one line in ASCII, quotes without escapes,
/// comments. Nothing where there is anything else in it, right or wrong, or a duplicate key.
std::optional<Node> parse_plain_yaml(const std::string& text,
                                     const std::shared_ptr<const std::string>& origin);

}  // namespace bitjoule
