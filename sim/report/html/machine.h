// The block diagram of a machine.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bitjoule::html {

/// An SVG of the machine of a resolved run configuration, with its parameters. The dequantizer is
/// drawn with the formats that pass it.
std::string machine_svg(const boost::json::value& config);

}  // namespace bitjoule::html
