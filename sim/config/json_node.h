// Values that no file holds, as the tree that the reader reads.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "sim/config/node.h"

namespace bitjoule {

/// A part of a document: texts as if in quotes, everything at one place.
Node node_at(const Place& place, const boost::json::value& value);

/// A document: texts are as if in quotes, so that none is taken for an expression or a number.
/// Errors name `origin`; names of files in it are looked up as those of an option.
Node node_of(const boost::json::value& value, const std::string& origin);

/// A number, or an expression, of such a document.
Node plain_node(const std::string& text, const std::string& origin);

}  // namespace bitjoule
