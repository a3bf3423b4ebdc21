// The block diagram of a machine at work.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bitjoule::html {

/// An SVG of the machine of a resolved run configuration, with its parameters and what a flattened
/// result says that its parts did: buffers to scale, filled as far as they were used, a bar for
/// each part's share of the energy, wires as wide as what they carried. The same in words for
/// narrow screens.
std::string machine_svg(const boost::json::value& config, const boost::json::object& metrics);

}  // namespace bitjoule::html
