// Whether prices of a DRAM are those of the DRAM that they are to price.
#pragma once

#include <string>

#include "core/dram/config.h"

namespace bitjoule {

/// Throws an input Error with a line per difference where `prices` are by the currents of a rank
/// with other devices, banks or bursts than the DRAM `name` has. `where` is the path of `prices`.
void check_priced_device(const DramPrices& prices, const DramOrganization& organization,
                         const std::string& name, const std::string& where);

}  // namespace bitjoule
